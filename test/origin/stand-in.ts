import type { AccountName } from './accounts.ts'
import type { Exchange } from './exchange.ts'

export interface StoredFile {
  readonly provider:
    'dropbox' | 'google-drive' | 'onedrive' | 'sharepoint' | 'box' | 's3' | 'azure-blob' | 'gcs' | 'webdav' | 'mega'
  /** Whose place it is in, whoever has put it there; of Dropbox, Google, Microsoft and Box. */
  readonly account?: AccountName
  /** Microsoft: the drive's id. */
  readonly drive?: string
  /** Of object stores it begins with the bucket. */
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
  /** The service speaks no HTTP/2. */
  readonly http1Only?: boolean
  /** `/` is an address of the service: with a query or credentials it is no page. */
  readonly rootIsService?: boolean
  /** Whether a request's body is file content (or holds some): what `fileBytes` counts. */
  readonly carriesContent: (method: string, path: string) => boolean
  readonly handle: (exchange: Exchange) => Promise<void>
  readonly stored: () => readonly StoredFile[]
  readonly reset: () => void
}

export interface StandInOptions {
  /**
   * Dropbox, Drive and Graph refuse requests that show no credentials, as the real ones do. Default false, for clients
   * that are not what is tested; bad credentials are refused always, and by the further services missing ones too.
   */
  readonly requireCredentials?: boolean
}
