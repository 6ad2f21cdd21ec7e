/** Takes events out of files that nothing is written to any more. */
import { randomBytes } from 'node:crypto'
import { lstat, open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { EcsEvent } from '../policy/ecs-event.ts'
import { ifThere } from './if-there.ts'
import { parseEvent } from './parse-event.ts'
import { blocksOn, linesOn } from './read-back.ts'
import { compressedFiles, eventFiles, openToRead } from './sinks/names.ts'
import type { EventFile } from './sinks/names.ts'

export interface Erasure {
  /** Events that were removed. */
  readonly erased: number
  /** Names of files that may hold more and are not read: compressed ones. */
  readonly unread: readonly string[]
}

export interface EraseOptions {
  /** Milliseconds for which another process may still end a write to a file that was just rotated; 0 by default. */
  readonly settleMs?: number
}

const NEWLINE = Buffer.from('\n')
const ATTEMPTS = 10

/**
 * Rewrites every file of a sink but the current one without the events that match. Each is replaced whole: whoever reads it
 * sees it as it was or as it is, and after a crash it is one of them.
 */
export async function eraseFromFiles(
  sink: string, matches: (event: EcsEvent) => boolean, { settleMs = 0 }: EraseOptions = {},
): Promise<Erasure> {
  await delay(settleMs)
  let erased = 0
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let isMoved = false
    for (const file of await eventFiles(sink)) {
      if (file.kind === 'current') continue
      const removed = await eraseFromFile(file, matches)
      if (removed === null) isMoved = true
      else erased += removed
    }
    if (!isMoved) return { erased, unread: await compressedFiles(sink) }
  }
  throw new Error(`The files of ${sink} are renamed faster than they can be rewritten`)
}

/** Null where the file was renamed, replaced or removed before it could be replaced: whatever is there now has to be looked at. */
async function eraseFromFile(file: EventFile, matches: (event: EcsEvent) => boolean): Promise<number | null> {
  const source = await ifThere(openToRead(file.path))
  if (source === null) return null
  await using _ = source
  const temporary = join(dirname(file.path), `.${basename(file.path)}.${randomBytes(8).toString('hex')}.tmp`)
  const target = await open(temporary, 'wx', 0o600)
  try {
    const erased = await copyWithout(source, target, matches)
    if (erased === 0) return 0
    // Its age is that of its events.
    await target.utimes(file.mtimeMs / 1_000, file.mtimeMs / 1_000)
    await target.sync()
    if (!await isThere(file)) return null
    await rename(temporary, file.path)
    await syncDirectory(dirname(file.path))
    return erased
  } finally {
    await target.close()
    await rm(temporary, { force: true })
  }
}

/** Half a line at the end is left out: a write that was cut off. */
async function copyWithout(source: FileHandle, target: FileHandle, matches: (event: EcsEvent) => boolean): Promise<number> {
  let erased = 0
  for await (const block of blocksOn(source, 0)) {
    const kept: Buffer[] = []
    for (const line of linesOn(block)) {
      const event = parseEvent(line.toString())
      if (event !== undefined && matches(event)) erased++
      else kept.push(line, NEWLINE)
    }
    if (kept.length > 0) await target.appendFile(Buffer.concat(kept))
  }
  return erased
}

/** False where retention has removed it meanwhile, it was rotated again, or another erasure has replaced it. */
async function isThere({ path, identity }: EventFile): Promise<boolean> {
  const found = await ifThere(lstat(path))
  return found !== null && `${found.dev}:${found.ino}` === identity
}

async function syncDirectory(dir: string): Promise<void> {
  await using handle = await open(dir, 'r')
  await handle.sync()
}
