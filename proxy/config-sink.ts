/** How a sink of events is written in the configuration. */
import { parseSize } from '../policy/size.ts'
import { formatBytes } from './config-values.ts'

/** As in the file. */
export interface WrittenSink {
  type: 'file'
  path: string
  rotate?: string | number | false
}

export interface ConfiguredSink {
  readonly type: 'file'
  readonly path: string
  /** Bytes at which a new file is begun; null: another program rotates the file. */
  readonly rotate: number | null
}

/** So much a SIEM's agent and an editor still open with ease; some 200,000 events. */
const ROTATE = 256_000_000
/** Below, a busy proxy would make more files than a directory should hold. */
const ROTATE_MIN = 1_000_000

/** Throws an `Error` that says what `rotate` must be. */
export function parseSink({ type, path, rotate = ROTATE }: WrittenSink, i: number): ConfiguredSink {
  if (rotate === false) return { type, path, rotate: null }
  const bytes = parseSize(rotate)
  if (bytes !== undefined && bytes >= ROTATE_MIN) return { type, path, rotate: bytes }
  throw new Error(`entry ${i + 1} must have as rotate a size of at least 1MB, such as 256MB, or false`)
}

export function formatSink({ type, path, rotate }: ConfiguredSink): WrittenSink {
  return { type, path, rotate: rotate === null ? false : formatBytes(rotate) }
}
