/** Removes rotated event files whose newest event is older than events are kept. */
import { rm } from 'node:fs/promises'
import { lastLine } from './read-back.ts'
import { peekLine } from './peek-line.ts'
import type { FileSink } from './sinks/file.ts'
import { eventFiles, openToRead } from './sinks/names.ts'
import type { EventFile } from './sinks/names.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

export interface TidyOptions {
  /** For how long events are kept, in milliseconds. */
  readonly retention: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
  readonly onRemoved?: (file: string) => void
  readonly onFailure?: (file: string, error: Error) => void
}

/** Once, and then as often as the retention asks for, at most each hour. Returns the way to stop. */
export function keepTidy(sinks: readonly FileSink[], options: TidyOptions): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve()
  const run = (): void => { running = Promise.all(sinks.map(sink => tidy(sink, options))) }
  run()
  const timer = setInterval(run, Math.min(HOUR_MS, Math.max(MINUTE_MS, options.retention / 24))).unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}

/** Begins a new file for a new day, then removes what is too old. Never rejects: `onFailure` is told. */
export async function tidy(sink: FileSink, { retention, now = Date.now, onRemoved, onFailure }: TidyOptions): Promise<void> {
  try {
    await sink.tidy()
    for (const file of await eventFiles(sink.path)) {
      if (file.kind !== 'rotated' || await newestOf(file) >= now() - retention) continue
      await rm(file.path, { force: true })
      onRemoved?.(file.path)
    }
  } catch (error) {
    onFailure?.(sink.path, error instanceof Error ? error : new Error(String(error)))
  }
}

/**
 * When the last event was recorded, in milliseconds since 1970. A copy is written later than its events, and numbers run ahead of
 * a clock that was put back: the earlier of both counts.
 */
async function newestOf({ path, mtimeMs }: EventFile): Promise<number> {
  await using handle = await openToRead(path)
  const line = await lastLine(handle)
  const peek = line === undefined ? undefined : peekLine(line)
  return peek === undefined ? mtimeMs : Math.min(mtimeMs, peek.sequence / 1_000)
}
