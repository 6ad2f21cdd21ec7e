/** Replays recorded events from files on a draft policy: `POST /v1/policy/simulate` in a worker, `sluice policy simulate` here. */
import { stat } from 'node:fs/promises'
import { peekLine } from '../dashboards/peek-line.ts'
import { blocksBack, linesBack } from '../dashboards/read-back.ts'
import type { Block } from '../dashboards/read-back.ts'
import { eventFiles, openToRead } from '../dashboards/sinks/names.ts'
import { isPassed, walkBack } from '../dashboards/walk.ts'
import type { Place } from '../dashboards/walk.ts'
import { Simulation } from '../policy/simulate.ts'
import type { SimulationResult, SimulationSettings } from '../policy/simulate.ts'

/** Which events are replayed, the newest first. */
export interface ReplaySource {
  /** The current file of a sink, read with all that were rotated; null: none. */
  readonly sink: string | null
  /** Further files, those with the newest events last. */
  readonly files?: readonly string[]
  /** Lines that are newer than all files, the oldest first. */
  readonly lines?: readonly string[]
  /** `@timestamp` from, and before: ISO 8601, UTC, to the millisecond. */
  readonly since?: string
  readonly until?: string
  /** Events that are replayed at most. */
  readonly limit?: number
}

export interface Progress {
  readonly events: number
  /** Bytes of files read, and in all. */
  readonly bytes: number
  readonly totalBytes: number
}

const PROGRESS_MS = 250

/** Rejects with the system's error where a file cannot be read. `onProgress` is called at once, and then every so often. */
export async function replay(
  source: ReplaySource, settings: SimulationSettings, onProgress: (progress: Progress) => void,
): Promise<SimulationResult> {
  const { sink, files = [], lines = [], since = '', until = '\uffff', limit = Infinity } = source
  const simulation = new Simulation(settings)
  const totalBytes = await bytesOf(sink, files)
  const sinceNumber = since === '' ? -Infinity : Date.parse(since) * 1_000
  const place: Place = { sequence: Infinity }
  let bytes = 0
  let told = -Infinity
  const progress = (): void => {
    if (performance.now() < told + PROGRESS_MS) return
    told = performance.now()
    onProgress({ events: simulation.events, bytes, totalBytes })
  }
  /** Whether the walk is at its end. */
  const take = (line: Buffer, isOrdered: boolean): boolean => {
    const peek = peekLine(line)
    if (peek === undefined) simulation.add(undefined)
    else if (!isOrdered || !isPassed(peek, place)) {
      // Numbers are times at which requests had ended, so that all before have begun before as well.
      if (isOrdered && peek.isNumbered && peek.sequence < sinceNumber) return true
      if (peek.at >= since && peek.at < until) simulation.add(parse(line.toString()))
    }
    return simulation.events >= limit
  }
  const takeAll = async (blocks: AsyncIterable<Block>, isOrdered: boolean): Promise<boolean> => {
    for await (const block of blocks) {
      bytes += block.bytes
      progress()
      for (const line of linesBack(block)) if (take(line, isOrdered)) return true
    }
    return false
  }

  progress()
  for (const line of lines.toReversed()) if (take(Buffer.from(line.trimEnd()), true)) return simulation.result()
  if (sink !== null && await takeAll(walkBack(sink, place), true)) return simulation.result()
  for (const file of files.toReversed()) {
    await using handle = await openToRead(file)
    if (await takeAll(blocksBack(handle, (await handle.stat()).size), false)) break
  }
  return simulation.result()
}

async function bytesOf(sink: string | null, files: readonly string[]): Promise<number> {
  const found = sink === null ? [] : await eventFiles(sink)
  const named = await Promise.all(files.map(async file => (await stat(file)).size))
  return [...found.map(({ bytes }) => bytes), ...named].reduce((sum, bytes) => sum + bytes, 0)
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
