import { fileSink } from './file.ts'
import type { Sink } from './sink.ts'

/** A sink as the configuration's `events.sinks` names it. */
export interface SinkSettings {
  readonly type: 'file'
  readonly path: string
}

export function createSinks(settings: readonly SinkSettings[]): Sink[] {
  return settings.map(({ path }) => fileSink(path))
}
