/** Reads event files from any place in either direction, in bounded chunks. */
import type { FileHandle } from 'node:fs/promises'
import { peekLine } from './peek-line.ts'

const NEWLINE = 0x0a
const CHUNK = 262_144
/** No event is as long: its texts are bounded. What is longer is passed over. */
export const MAX_LINE = 1_048_576

/** Whole lines, each with its newline, and how many bytes of the file were read for them. */
export interface Block {
  readonly lines: Buffer
  readonly bytes: number
}

/**
 * The lines that begin before `end`, in blocks from the last to the first. Half a line at `end` is left out: it is being
 * written.
 */
export async function* blocksBack(handle: FileHandle, end: number, chunk = CHUNK): AsyncGenerator<Block> {
  /** From the beginning of a line that is not read yet to its newline; null until a newline was seen. */
  let rest: Buffer | null = null
  for (let at = end; at > 0;) {
    const size = Math.min(chunk, at)
    at -= size
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size, at)
    const read = buffer.subarray(0, bytesRead)
    const text: Buffer = rest === null ? read.subarray(0, read.lastIndexOf(NEWLINE) + 1) : Buffer.concat([read, rest])
    const first = at === 0 ? 0 : text.indexOf(NEWLINE) + 1
    if (text.length > 0) rest = first > MAX_LINE ? Buffer.of(NEWLINE) : text.subarray(0, first)
    yield { lines: text.subarray(first), bytes: size }
  }
}

/** The lines from `start`, which begins one, in blocks to the end of the file. */
export async function* blocksOn(handle: FileHandle, start: number, chunk = CHUNK): AsyncGenerator<Block> {
  let rest = Buffer.alloc(0)
  for (let at = start; ;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(chunk), 0, chunk, at)
    if (bytesRead === 0) return
    at += bytesRead
    const whole = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    const end = whole.lastIndexOf(NEWLINE) + 1
    yield { lines: whole.subarray(0, end), bytes: bytesRead }
    rest = Buffer.from(whole.subarray(end))
    if (rest.length > MAX_LINE) rest = Buffer.alloc(0)
  }
}

/** The lines of a block without their newlines, the last first. */
export function* linesBack({ lines }: Block): Generator<Buffer> {
  for (let end = lines.length - 1; end >= 0;) {
    const before = end === 0 ? -1 : lines.lastIndexOf(NEWLINE, end - 1)
    if (end > before + 1) yield lines.subarray(before + 1, end)
    end = before
  }
}

/** The same, the first first. */
export function* linesOn({ lines }: Block): Generator<Buffer> {
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(NEWLINE, start)
    if (end > start) yield lines.subarray(start, end)
    start = end + 1
  }
}

/** Undefined where there is none. */
export async function lastLine(handle: FileHandle): Promise<Buffer | undefined> {
  const { size } = await handle.stat()
  for await (const block of blocksBack(handle, size, 16_384)) {
    for (const line of linesBack(block)) return line
  }
  return undefined
}

/**
 * Finds by halving where in a file of ascending numbers a number stands: every event before `from` has a lower one, every
 * event from `to` on has it or a higher one. Both begin a line or are the file's end; little lies between.
 */
export async function seek(handle: FileHandle, bytes: number, sequence: number): Promise<{ readonly from: number; readonly to: number }> {
  let [from, to] = [0, bytes]
  while (to - from > CHUNK) {
    const middle = from + Math.floor((to - from) / 2)
    const found = await firstFrom(handle, middle, to)
    if (found === undefined) break
    if (found.sequence < sequence) from = found.at
    else to = found.at
  }
  return { from, to }
}

/** The first event whose line begins behind `at` and before `end`. */
async function firstFrom(handle: FileHandle, at: number, end: number): Promise<{ at: number; sequence: number } | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, Math.min(CHUNK, end - at), at)
  const read = buffer.subarray(0, bytesRead)
  for (let start = read.indexOf(NEWLINE) + 1; start > 0 && start < read.length; start = read.indexOf(NEWLINE, start) + 1) {
    const peek = peekLine(read.subarray(start))
    if (peek !== undefined) return { at: at + start, sequence: peek.sequence }
  }
  return undefined
}
