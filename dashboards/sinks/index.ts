import { fileSink } from './file.ts'
import type { FileSink } from './file.ts'

/** A sink as the configuration's `events.sinks` names it. */
export interface SinkSettings {
  readonly type: 'file'
  readonly path: string
  /** Bytes at which a new file is begun; null: another program rotates the file. */
  readonly rotate?: number | null
}

/** `onTrouble`: a file could not be rotated. */
export function createSinks(settings: readonly SinkSettings[], onTrouble?: (sink: string, error: Error) => void): FileSink[] {
  return settings.map(({ path, rotate = null }) => fileSink(path, { rotate, onTrouble: error => onTrouble?.(path, error) }))
}
