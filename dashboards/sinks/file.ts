import { constants } from 'node:fs'
import { link, lstat, mkdir, open, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ifThere } from '../if-there.ts'
import { dayOf, eventFiles, highestNumber, rotatedName } from './names.ts'
import type { Sink } from './sink.ts'

const { O_APPEND, O_CREAT, O_RDONLY, O_WRONLY, O_NOFOLLOW } = constants

/** A rotation that failed is tried again so much later, not with every write. */
const RETRY_MS = 60_000

export interface FileSinkOptions {
  /** Bytes at which a new file is begun, as at every new day (UTC); null: never, rotation is left to another program. */
  readonly rotate?: number | null
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds that never go back, for how long to wait. */
  readonly elapsed?: () => number
  /** The file could not be rotated; writing goes on in it. */
  readonly onTrouble?: (error: Error) => void
}

export interface FileSink extends Sink {
  readonly path: string
  /** Begins a new file where another day has begun. */
  tidy(): Promise<void>
  /** Begins a new file now, so that nothing is written to the ones before any more. */
  rotate(): Promise<void>
}

export function isFileSink(sink: Sink): sink is FileSink {
  return 'rotate' in sink
}

interface Open {
  readonly handle: FileHandle
  readonly identity: string
  bytes: number
  /** On which the last of its events was written. */
  day: string
  /** It ends in half a line. */
  torn: boolean
}

/** Lines of which a part was written when the disk was full. */
interface Half {
  readonly lines: string
  readonly bytes: Buffer
  readonly identity: string
  written: number
}

const NEWLINE = 10

/**
 * Appends NDJSON to a file that only its owner can read: events name people and their files. The directory is made
 * where it is missing; a symbolic link in the file's place is refused. When another program has moved the file away, a
 * new one is begun. A disk that fills up in the middle of a write leaves half a line: once there is room, writing goes on behind it, so that
 * each event is there once.
 */
export function fileSink(path: string, { rotate = null, now = Date.now, elapsed = () => performance.now(), onTrouble }: FileSinkOptions = {}): FileSink {
  let held: Open | null = null
  let half: Half | null = null
  let stale = false
  let retryAt = -Infinity
  let turn: Promise<unknown> = Promise.resolve()

  /** One at a time: writes, rotations and closing. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work)
    turn = next.catch(() => undefined)
    return next
  }
  const release = async (): Promise<void> => {
    const open = held
    held = null
    await open?.handle.close()
  }
  const opened = async (): Promise<Open> => {
    if (stale || (held !== null && await identityOf(path) !== held.identity)) await release()
    stale = false
    held ??= await openFile(path)
    return held
  }
  const isDue = ({ bytes, day }: Open, more: number): boolean =>
    rotate !== null && bytes > 0 && elapsed() >= retryAt && (bytes + more > rotate || day < dayOf(now()))
  const rotateNow = async ({ day }: Open): Promise<void> => {
    try {
      await moveAway(path, day)
      await release()
    } catch (error) {
      retryAt = elapsed() + RETRY_MS
      onTrouble?.(error instanceof Error ? error : new Error(String(error)))
    }
  }

  return {
    name: `file ${path}`,
    path,
    write: lines => inTurn(async () => {
      const before = half?.lines === lines ? half : null
      const bytes = before?.bytes ?? Buffer.from(lines)
      let file = await opened()
      let written = before?.written ?? 0
      if (before?.identity !== file.identity) {
        // In another file, a line is begun anew.
        written = written === 0 ? 0 : bytes.lastIndexOf(NEWLINE, written - 1) + 1
        if (isDue(file, bytes.length - written)) {
          await rotateNow(file)
          file = await opened()
        }
        if (file.torn) await append(file, Buffer.from('\n'), 0)
      }
      const place = half = { lines, bytes, identity: file.identity, written }
      while (place.written < bytes.length) place.written += await append(file, bytes, place.written)
      half = null
      file.day = dayOf(now())
    }),
    tidy: () => inTurn(async () => {
      if (await identityOf(path) === null) return
      const file = await opened()
      if (isDue(file, 0)) await rotateNow(file)
    }),
    rotate: () => inTurn(async () => {
      if (await identityOf(path) === null) return
      const { bytes, day } = await opened()
      if (bytes > 0) await moveAway(path, day)
      await release()
    }),
    reopen() { stale = true },
    close: () => inTurn(release),
  }
}

async function openFile(path: string): Promise<Open> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await finishRotation(path)
  const handle = await open(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600)
  try {
    const { dev, ino, size, mtimeMs } = await handle.stat()
    return { handle, identity: `${dev}:${ino}`, bytes: size, day: dayOf(mtimeMs), torn: size > 0 && await lastByte(path, size) !== NEWLINE }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Appends from `from` on; answers how many bytes. */
async function append(file: Open, bytes: Buffer, from: number): Promise<number> {
  const { bytesWritten } = await file.handle.write(bytes, from)
  if (bytesWritten === 0) throw new Error('nothing was written')
  file.bytes += bytesWritten
  file.torn = bytes[from + bytesWritten - 1] !== NEWLINE
  return bytesWritten
}

/** A process that was killed while the disk was full left half a line behind. */
async function lastByte(path: string, size: number): Promise<number | undefined> {
  const handle = await open(path, O_RDONLY | O_NOFOLLOW)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
    return bytesRead === 1 ? buffer[0] : undefined
  } finally {
    await handle.close()
  }
}

/** Gives the file the next free name of its day. `link` fails where there is one: two rotations at once lose nothing. */
async function moveAway(path: string, day: string): Promise<void> {
  for (let n = await highestNumber(path, day) + 1; ; n++) {
    try {
      await link(path, join(dirname(path), rotatedName(path, day, n)))
      break
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
  }
  await unlink(path)
}

/** A rotation that was cut short left the file under both names. */
async function finishRotation(path: string): Promise<void> {
  const found = await ifThere(lstat(path))
  if (found === null || !found.isFile() || found.nlink < 2) return
  const identity = `${found.dev}:${found.ino}`
  const isRotated = (await eventFiles(path)).some(file => file.identity === identity && file.kind === 'rotated')
  if (isRotated) await unlink(path)
}

/** Null where there is no file. */
async function identityOf(path: string): Promise<string | null> {
  const found = await ifThere(lstat(path))
  return found === null ? null : `${found.dev}:${found.ino}`
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
