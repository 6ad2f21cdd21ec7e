/** What carries the traffic: this process, or several workers that it starts. */
import type { Events } from '../dashboards/events.ts'
import type { Exposition } from '../dashboards/expose.ts'
import type { Pseudonyms } from '../policy/pseudonyms.ts'
import type { Usage } from '../policy/usage.ts'
import { readClientTls } from './client-tls.ts'
import type { Config } from './config.ts'
import { listen } from './listener.ts'
import type { Listener } from './listener.ts'
import type { Logger } from './log.ts'
import type { Base, Undo } from './open-base.ts'
import { openDataPath } from './open-data-path.ts'
import type { DataPath } from './open-data-path.ts'

export interface Carrier {
  /** `host:port` of each listener. */
  readonly addresses: readonly string[]
  /** New requests are refused for want of memory, somewhere. */
  readonly isShedding: () => boolean
  /** What Prometheus reads, of all processes together, in the form that an `Accept` header prefers. */
  metrics(accept: string): Promise<Exposition>
  /** Clients are not led there either: `host:port`. */
  addOwn(addresses: readonly string[]): void
  /** Reads renewed files, and answers the step that takes them over. */
  renew(): () => void
  /** After the rest has taken over what was renewed. */
  reload(): Promise<void>
  /** The store was changed here: what carries the traffic decides by it when this resolves. */
  refresh(): Promise<void>
  /** Stops accepting, lets transfers finish up to `proxy.drain`, then ends and records what is left. */
  stop(): Promise<void>
}

export interface Keepers {
  readonly events: Events
  readonly usage: Usage
  readonly pseudonyms: Pseudonyms | undefined
}

/** Carries it in this process. Rejects with `listen.in-use` or `listen.refused`. */
export async function carryAlone(config: Config, log: Logger, base: Base, keepers: Keepers, undo: Undo): Promise<Carrier> {
  const { metrics } = base
  metrics.leafCache(() => base.contexts.stats)
  const dataPath = openDataPath(config, log, base, keepers, undo)
  const { limits } = dataPath
  const listener = await listen(config.proxy.listen, dataPath.listenerParts)
  limits.whenShort(() => {
    listener.closeIdle()
    dataPath.closeIdle()
  })
  base.own.add(listener.addresses)
  undo.push(() => {
    listener.stop()
    listener.close()
  })
  return {
    addresses: listener.addresses,
    isShedding: () => limits.memory.isShedding,
    metrics: (accept) => metrics.text(accept),
    addOwn: (addresses) => base.own.add(addresses),
    renew() {
      const renewed = readClientTls(config.proxy.tls)
      return () => { if (renewed !== null) listener.renew(renewed) }
    },
    reload: () => Promise.resolve(),
    refresh: () => Promise.resolve(),
    stop: () => drain(listener, dataPath, config.proxy.drain),
  }
}

/** How long what is cut at the end of a drain may take to close. */
const CUT_MS = 1_000

/** `ms`: how long transfers may finish. What is cut is recorded when this resolves. */
export async function drain(listener: Listener, { underWay, cut }: DataPath, ms: number): Promise<void> {
  listener.stop()
  await Promise.race([underWay.stop(), delay(ms)])
  listener.close()
  cut()
  await Promise.race([underWay.stop(), delay(CUT_MS)])
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
