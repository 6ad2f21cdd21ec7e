/** Constructs what keeps to `proxy.limits`. */
import type { ConnectionEnd, Metrics } from '../dashboards/metrics.ts'
import type { ProxyLimits } from './config-limits.ts'
import { Connections } from './connections.ts'
import { Places } from './places.ts'
import { TunnelWatch } from './tunnel-watch.ts'

export interface OpenLimits {
  readonly numbers: ProxyLimits
  readonly connections: Connections
  /** Of tunnels, by client. */
  readonly tunnels: Places
  readonly watch: TunnelWatch
  /** A limit has ended a connection or tunnel. */
  readonly ended: (by: ConnectionEnd) => void
  close(): void
}

export function openLimits(numbers: ProxyLimits, metrics: Pick<Metrics, 'connectionEnded' | 'connectionsOpen'>): OpenLimits {
  const ended = (by: ConnectionEnd): void => metrics.connectionEnded(by)
  const connections = new Connections(numbers)
  const watch = new TunnelWatch(numbers, ended)
  metrics.connectionsOpen(() => connections.open)
  return {
    numbers, connections, watch, ended,
    tunnels: new Places({ each: numbers.tunnelsPerClient, all: numbers.tunnels }),
    close: () => watch.close(),
  }
}
