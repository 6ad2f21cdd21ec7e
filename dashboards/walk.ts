/** Walks through all files of a sink, from the newest event back or from any event on, while they are written and rotated. */
import type { FileHandle } from 'node:fs/promises'
import { ifThere } from './if-there.ts'
import type { Peek } from './peek-line.ts'
import { blocksBack, blocksOn, seek } from './read-back.ts'
import type { Block } from './read-back.ts'
import { eventFiles, openToRead } from './sinks/names.ts'
import type { EventFile } from './sinks/names.ts'

/** Where a walk has come to. Whoever walks moves it with each event, so that a rotation under way repeats and skips none. */
export interface Place {
  sequence: number
}

/**
 * Whether a walk back has passed an event before; moves the place to it otherwise. Events without a number are in no exact
 * order, so that only a place above all of them counts.
 */
export function isPassed({ sequence, isNumbered }: Peek, place: Place): boolean {
  if (isNumbered && sequence >= place.sequence) return true
  place.sequence = Math.min(place.sequence, sequence)
  return false
}

/** Files can be rotated faster than a disk of trouble lists them; then what was read is what there is. */
const RESTARTS = 10

/** Blocks that hold all events below a place, and some above it, the newest first. `known` remembers where files begin. */
export async function* walkBack(path: string, place: Place, known?: Map<string, number>): AsyncGenerator<Block> {
  for (let restarts = 0; restarts < RESTARTS; restarts++) {
    let isMoved = false
    for (const file of (await eventFiles(path, known)).reverse()) {
      if (file.first >= place.sequence) continue
      await using handle = await sameFile(file)
      isMoved = handle === null
      if (handle === null) break
      const { size } = await handle.stat()
      const end = place.sequence === Infinity ? size : (await seek(handle, size, place.sequence)).to
      yield* blocksBack(handle, end)
    }
    if (!isMoved) return
  }
}

/** Blocks that hold all events above a place, and some below it, the oldest first. */
export async function* walkOn(path: string, place: Place, known?: Map<string, number>): AsyncGenerator<Block> {
  for (let restarts = 0; restarts < RESTARTS; restarts++) {
    let isMoved = false
    const files = await eventFiles(path, known)
    for (const [i, file] of files.entries()) {
      const next = files[i + 1]
      if (next !== undefined && next.first > 0 && next.first <= place.sequence) continue
      await using handle = await sameFile(file)
      isMoved = handle === null
      if (handle === null) break
      const { from } = await seek(handle, (await handle.stat()).size, place.sequence + 1)
      yield* blocksOn(handle, from)
    }
    if (!isMoved) return
  }
}

/** Null where another file, or none, has taken the place of the one that was listed. */
async function sameFile({ path, identity }: EventFile): Promise<FileHandle | null> {
  const handle = await ifThere(openToRead(path))
  if (handle === null) return null
  const { dev, ino } = await handle.stat()
  if (`${dev}:${ino}` === identity) return handle
  await handle.close()
  return null
}
