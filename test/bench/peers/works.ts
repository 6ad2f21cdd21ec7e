/** What is measured: each work is done by the load process through one proxy at a time. */
import { MIB } from './content.ts'
import { FILES_HOST, OTHER_HOST } from './names.ts'

export type Work = Repeated | Contact | Transfer

/** Done over and over for a time. */
export type Repeated = Requests | Tunnels

/** Small requests, each connection (each stream of HTTP/2) the next as soon as the last is answered. */
export interface Requests {
  readonly kind: 'requests'
  readonly concurrency: number
  readonly http: '1.1' | '2'
}

/** A tunnel, one small request, and its end, so many at once. */
export interface Tunnels {
  readonly kind: 'tunnels'
  readonly concurrency: number
  readonly isResumed: boolean
}

/** A tunnel and a request to each of so many hosts that the proxy has not met, so many at once. */
export interface Contact {
  readonly kind: 'contact'
  readonly hosts: number
  readonly concurrency: number
}

export interface Transfer {
  readonly kind: 'upload' | 'download'
  readonly host: string
  /** So many at once, of so many bytes each. */
  readonly streams: number
  readonly bytes: number
}

/** Of works that are repeated. */
export interface Duration {
  /** What comes before, and is not measured: connections, certificates, compiled code. */
  readonly warmMs: number
  readonly ms: number
}

export type WorkId = 'contact' | `requests-${1 | 16 | 64}` | 'tunnels' | 'resumed' | `${'upload' | 'download'}-${1 | 8}` | 'http2' | 'spliced'

export interface NamedWork {
  readonly id: WorkId
  readonly name: string
  readonly work: Work
  /** What its processor time is told for. */
  readonly unit: 'request' | 'tunnel' | 'host' | 'GiB'
  /** Also Sluice and plain tunnels alone: others have no way of their own for it. */
  readonly isSpliced?: true
}

const GIB = 1024 * MIB

/** Everything, or in a minute. */
export function works(isQuick: boolean): { readonly duration: Duration; readonly all: readonly NamedWork[] } {
  const whole = isQuick ? 64 * MIB : GIB
  const part = isQuick ? 16 * MIB : 256 * MIB
  const hosts = isQuick ? 25 : 100
  const size = (bytes: number): string => bytes === GIB ? '1 GiB' : `${bytes / MIB} MiB`
  const transfer = (kind: 'upload' | 'download', streams: 1 | 8, bytes: number): NamedWork => ({
    id: `${kind}-${streams}`, name: `${kind}: ${streams === 1 ? 'one' : streams} of ${size(bytes)}`, unit: 'GiB', work: { kind, host: FILES_HOST, streams, bytes },
  })
  const requests = (concurrency: 1 | 16 | 64): NamedWork => ({
    id: `requests-${concurrency}`, name: `small requests, ${concurrency} at once`, unit: 'request', work: { kind: 'requests', concurrency, http: '1.1' },
  })
  const all: NamedWork[] = [
    { id: 'contact', name: `first contact to ${hosts} hosts`, unit: 'host', work: { kind: 'contact', hosts, concurrency: 8 } },
    requests(1), requests(16), requests(64),
    { id: 'tunnels', name: 'new tunnels', unit: 'tunnel', work: { kind: 'tunnels', concurrency: 16, isResumed: false } },
    { id: 'resumed', name: 'new tunnels, TLS resumed', unit: 'tunnel', work: { kind: 'tunnels', concurrency: 16, isResumed: true } },
    transfer('upload', 1, whole), transfer('upload', 8, part), transfer('download', 1, whole), transfer('download', 8, part),
    { id: 'http2', name: 'HTTP/2, 100 streams', unit: 'request', work: { kind: 'requests', concurrency: 100, http: '2' } },
    {
      id: 'spliced', name: `upload in a tunnel that is not opened: one of ${size(whole)}`, unit: 'GiB', isSpliced: true, work: { kind: 'upload', host: OTHER_HOST, streams: 1, bytes: whole },
    },
  ]
  return { duration: isQuick ? { warmMs: 300, ms: 1_000 } : { warmMs: 10_000, ms: 5_000 }, all }
}
