/** What the process that a start begins with and its workers say to each other. Both are of one version, so nothing is checked. */
import type { MetricValues } from '../../dashboards/merge-metrics.ts'
import type { TicketSecret } from '../../certs/ticket-keys.ts'
import type { Upload } from '../../policy/usage.ts'
import type { VolumeNews, VolumePast } from '../../policy/volumes.ts'
import type { Config } from '../config.ts'
import type { VolumeKind } from '../open-base.ts'

/** Of what `proxy.limits` bounds for all clients together. */
export interface Taken {
  readonly connections: number
  readonly tunnels: number
  readonly requests: number
}

/** What workers have counted and recorded since they last told. */
export interface Records {
  /** Events as `toLine` writes them, with the number 0. */
  readonly lines: readonly string[]
  readonly uploads: readonly Upload[]
  /** Whose uploads were blocked, once an upload. */
  readonly blocked: readonly string[]
  readonly sent: readonly Sent[]
}

/** Bytes that count for `volume`. */
export interface Sent extends VolumeNews {
  readonly of: VolumeKind
  readonly key: string
}

/** The same of all the time before. */
export type Past = Readonly<Record<VolumeKind, readonly VolumePast[]>>

/** An error as it goes from one process to another: one of ours keeps its code and remedy. */
export interface Told {
  readonly message: string
  readonly code?: string
  readonly remedy?: string
  readonly faults?: readonly unknown[]
}

export interface Begin {
  readonly is: 'begin'
  readonly number: number
  readonly config: Config
  /** Of the log. */
  readonly level: string
  readonly tickets: TicketSecret
  readonly pseudonym: string
  /** PEM. */
  readonly leafKey: string
  readonly own: readonly string[]
  readonly others: Taken
}

/** A connection comes beside a message `client`, a socket that is bound beside `listen`. */
export type ToWorker =
  | Begin
  | { readonly is: 'client' }
  | { readonly is: 'listen'; readonly address: number }
  /** Addresses where clients are not led. */
  | { readonly is: 'own'; readonly addresses: readonly string[] }
  | { readonly is: 'others'; readonly others: Taken }
  | { readonly is: 'sent'; readonly sent: readonly Sent[] }
  /** Before the first of `sent`. */
  | { readonly is: 'past'; readonly past: Past }
  | { readonly is: 'leaf'; readonly id: number; readonly leaf: { readonly certificatePem: string; readonly notAfter: Date } | Told }
  /** So many records were taken. */
  | { readonly is: 'kept' }
  | { readonly is: 'values'; readonly id: number }
  | { readonly is: 'reload'; readonly id: number }
  /** The store has changed. */
  | { readonly is: 'refresh'; readonly id: number }
  | { readonly is: 'stop' }

export type FromWorker =
  /** Every `ALIVE_MS`, whatever it does. */
  | { readonly is: 'alive' }
  | { readonly is: 'ready' }
  | { readonly is: 'failed'; readonly error: Told }
  | { readonly is: 'leaf'; readonly id: number; readonly host: string }
  | { readonly is: 'records'; readonly records: Records }
  | { readonly is: 'taken'; readonly taken: Taken; readonly isShedding: boolean }
  | { readonly is: 'values'; readonly id: number; readonly values: MetricValues }
  /** Of `reload` and `refresh`. */
  | { readonly is: 'done'; readonly id: number; readonly error: Told | null }

/** How often a worker tells that its event loop goes round. */
export const ALIVE_MS = 1_000

export const NONE_TAKEN: Taken = { connections: 0, tunnels: 0, requests: 0 }

export function tell(error: unknown): Told {
  if (!(error instanceof Error)) return { message: String(error) }
  return {
    message: error.message,
    ...'code' in error && typeof error.code === 'string' ? { code: error.code } : {},
    ...'remedy' in error && typeof error.remedy === 'string' ? { remedy: error.remedy } : {},
    ...'faults' in error && Array.isArray(error.faults) ? { faults: error.faults } : {},
  }
}

export function untell({ message, ...rest }: Told): Error {
  return Object.assign(new Error(message), rest)
}
