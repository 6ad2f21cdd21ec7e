import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Sink } from './sink.ts'

const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants

/**
 * Appends NDJSON to a file that only its owner can read: events name people and their files. The directory is made
 * where it is missing; a symbolic link in the file's place is refused.
 */
export function fileSink(path: string): Sink {
  let handle: FileHandle | null = null
  // A disk that fills up in the middle of a write leaves half a line; the next write begins on a new one.
  let torn = false
  let stale = false

  const release = async () => {
    const held = handle
    handle = null
    await held?.close()
  }
  const opened = async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return open(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600)
  }

  return {
    name: `file ${path}`,
    async write(lines) {
      if (stale) await release()
      stale = false
      handle ??= await opened()
      const before = torn
      torn = true
      await handle.appendFile(before ? `\n${lines}` : lines)
      torn = false
    },
    reopen() { stale = true },
    close: release,
  }
}
