/** Constructs what keeps to `proxy.limits`. */
import type { ConnectionEnd, Metrics } from '../dashboards/metrics.ts'
import { Sparing } from '../policy/sparing.ts'
import type { ProxyLimits } from './config-limits.ts'
import { Connections } from './connections.ts'
import { descriptorShortage, readDescriptorLimit } from './descriptors.ts'
import type { Logger } from './log.ts'
import { MemoryGuard, usualBound } from './memory-guard.ts'
import { Places } from './places.ts'
import { TunnelWatch } from './tunnel-watch.ts'
import type { UnderWay } from './under-way.ts'

export interface OpenLimits {
  readonly numbers: ProxyLimits
  readonly connections: Connections
  /** Of tunnels, by client. */
  readonly tunnels: Places
  /** Of requests under way, by client: each has a connection to its origin, however many share one of their client's. */
  readonly requests: Places
  readonly watch: TunnelWatch
  readonly memory: MemoryGuard
  /** A limit has ended a connection or tunnel. */
  readonly ended: (by: ConnectionEnd) => void
  /** What other processes have taken of what is bounded for all clients together. */
  noteOthers(others: { readonly connections: number; readonly tunnels: number; readonly requests: number }): void
  /** `free` is called when memory has become short: it is to give back what nobody is using. */
  whenShort(free: () => void): void
  close(): void
}

type LimitMetrics = Pick<Metrics, 'connectionEnded' | 'connectionsOpen' | 'shedding' | 'limits'>

export function openLimits(numbers: ProxyLimits, metrics: LimitMetrics, log: Logger, underWay: Pick<UnderWay, 'running'>): OpenLimits {
  const shortage = descriptorShortage(readDescriptorLimit(), numbers)
  if (shortage !== null) log.warn(shortage)
  const ended = (by: ConnectionEnd): void => metrics.connectionEnded(by)
  const connections = new Connections(numbers)
  const watch = new TunnelWatch(numbers, ended)
  const bound = boundOf(numbers)
  const sparing = new Sparing(60_000)
  const frees: Array<() => void> = []
  const memory = new MemoryGuard({
    bound,
    underWay: () => underWay.running,
    changed(isShedding, resident) {
      if (!isShedding) {
        log.debug({ resident, bound }, 'new tunnels and requests are taken again')
        return
      }
      const count = sparing.note(performance.now())
      if (count > 0) {
        log.warn({ resident, bound, count }, 'the process takes more memory than proxy.limits.memory: new tunnels and requests are refused; said once a minute at most')
      }
      for (const free of frees) free()
    },
  })
  metrics.connectionsOpen(() => connections.open)
  metrics.shedding(() => memory.isShedding)
  metrics.limits({ ...numbers, memory: bound })
  const tunnels = new Places({ each: numbers.tunnelsPerClient, all: numbers.tunnels })
  const requests = new Places({ each: numbers.connectionsPerClient, all: numbers.connections })
  return {
    numbers, connections, watch, memory, ended, tunnels, requests,
    noteOthers(others) {
      connections.others = others.connections
      tunnels.others = others.tunnels
      requests.others = others.requests
    },
    whenShort(free) { frees.push(free) },
    close() {
      watch.close()
      memory.close()
    },
  }
}

/** Bytes; null: none. */
export function boundOf({ memory }: Pick<ProxyLimits, 'memory'>): number | null {
  return memory === 'auto' ? usualBound() : memory
}

/** What `sluice check` says of them beside the configuration itself: a sentence each. */
export function limitNotes(numbers: ProxyLimits): string[] {
  const bound = boundOf(numbers)
  const shortage = descriptorShortage(readDescriptorLimit(), numbers)
  return [
    bound === null ? 'proxy.limits.memory off: nothing is refused for want of memory.'
      : `Above ${Math.floor(bound / 1024 ** 2)} MiB of resident memory new tunnels and requests are refused.`,
    ...shortage === null ? [] : [shortage],
    ...(['connections', 'tunnels'] as const).filter(name => numbers[`${name}PerClient`] >= numbers[name])
      .map(name => `proxy.limits.${name}PerClient ${numbers[`${name}PerClient`]}: one client can take all ${numbers[name]} ${name}.`),
  ]
}
