/** Sums over a whole soak: Sluice's counters against its events, its usage, and both ends of the tunnels. */
import type { Entry } from './ledger.ts'
import type { Event, Faults } from './judge.ts'
import type { MetricsText } from './metrics-text.ts'
import type { TunnelCount } from './tunnel-origin.ts'

export interface Sums {
  readonly entries: readonly Entry[]
  readonly events: readonly Event[]
  readonly tunnels: readonly TunnelCount[]
  readonly metrics: MetricsText
  /** Bytes and count of uploads by provider, as `/v1/usage` tells. */
  readonly usage: readonly { readonly key: string; readonly bytes: number; readonly count: number }[]
}

export function judgeSums(sums: Sums): Faults {
  const faults: Faults = new Map()
  const same = (kind: string, one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): void => {
    for (const key of new Set([...one.keys(), ...other.keys()])) {
      const [a, b] = [one.get(key) ?? 0, other.get(key) ?? 0]
      if (a !== b) faults.set(kind, [...faults.get(kind) ?? [], `${key}: ${a}, ${b}`])
    }
  }
  const { metrics, events, usage, entries } = sums
  const uploads = events.filter(({ sluice }) => sluice.operation?.activity === 'upload')
  const provider = (event: Event): string => event.sluice.operation?.provider ?? 'none'
  const counted = metrics.by('sluice_requests_total', 'provider', 'activity', 'action', 'protocol')
  // Tunnels that pass unopened are counted, and no events.
  const passed = entries.filter(({ is }) => is === 'tunnelled').length
  same('requests counted and events', counted, add(countBy(events, event =>
    `${provider(event)}/${event.event.action}/${event.sluice.action}/${event.network.protocol}`), 'none/tunnel/allow/tunnel', passed))
  same('bytes of uploads, counted and in events', metrics.by('sluice_uploaded_bytes_total', 'provider', 'action'),
    sumBy(uploads, event => `${provider(event)}/${event.sluice.action}`, ({ source }) => source.bytes))
  same('bytes of uploads, in usage and in events', new Map(usage.map(({ key, bytes }) => [key, bytes])),
    sumBy(uploads, provider, ({ source }) => source.bytes))
  same('uploads, in usage and in events', new Map(usage.map(({ key, count }) => [key, count])),
    countBy(uploads.filter(({ source }) => source.bytes > 0), provider))
  const sockets = events.filter(({ network }) => network.protocol === 'websocket')
  same('bytes of WebSockets, counted and in events', metrics.by('sluice_websocket_bytes_total', 'direction'), new Map([
    ['up', total(sockets, ({ source }) => source.bytes)], ['down', total(sockets, ({ destination }) => destination.bytes)],
  ].filter((each): each is [string, number] => each[1] !== 0)))
  judgeTunnels(sums, same)
  const dropped = metrics.sum('sluice_events_dropped_total')
  if (dropped > 0) faults.set('events were dropped', [String(dropped)])
  if (metrics.sum('sluice_tunnels_open') !== 0) faults.set('tunnels count as open when all are closed', [String(metrics.sum('sluice_tunnels_open'))])
  const internal = metrics.sum('sluice_refused_total', { code: 'proxy.internal' })
  if (internal > 0) faults.set('the proxy failed by itself', [String(internal)])
  return faults
}

/** Both ends of each tunnel, and Sluice between them, to the byte. */
function judgeTunnels({ entries, tunnels, metrics }: Sums, same: (kind: string, one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>) => void): void {
  const client = { up: new Map<string, number>(), down: new Map<string, number>() }
  const sums = { up: 0, down: 0 }
  for (const entry of entries) {
    if (entry.is !== 'tunnelled') continue
    for (const way of ['up', 'down'] as const) {
      client[way].set(entry.id, entry[way])
      sums[way] += entry[way]
    }
  }
  for (const way of ['up', 'down'] as const) {
    same(`bytes ${way} tunnels, at the client and at the origin`, client[way], new Map(tunnels.map(tunnel => [tunnel.id, tunnel[way]])))
    same(`bytes ${way} tunnels, counted and at the client`, new Map([[way, metrics.sum('sluice_tunnel_bytes_total', { direction: way })]]), new Map([[way, sums[way]]]))
  }
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  return sumBy(items, keyOf, () => 1)
}

function sumBy<T>(items: readonly T[], keyOf: (item: T) => string, amount: (item: T) => number): Map<string, number> {
  const sums = new Map<string, number>()
  for (const item of items) add(sums, keyOf(item), amount(item))
  return sums
}

function add(sums: Map<string, number>, key: string, amount: number): Map<string, number> {
  return amount === 0 ? sums : sums.set(key, (sums.get(key) ?? 0) + amount)
}

function total<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((sum, item) => sum + amount(item), 0)
}
