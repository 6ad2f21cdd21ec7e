import type { Exchange } from './exchange.ts'

export interface StoredFile {
  readonly provider: 'dropbox' | 'google-drive' | 'onedrive' | 'sharepoint'
  /** Microsoft: the drive's id. */
  readonly drive?: string
  readonly path: string
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

/** One provider, as far as its clients need it. */
export interface StandIn {
  readonly hosts: readonly string[]
  /** Whether a request's body is file content (or holds some): what `fileBytes` counts. */
  readonly carriesContent: (method: string, path: string) => boolean
  readonly handle: (exchange: Exchange) => Promise<void>
  readonly stored: () => readonly StoredFile[]
  readonly reset: () => void
}
