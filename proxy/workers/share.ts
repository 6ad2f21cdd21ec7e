/** How many processes carry the traffic, and what each may take of what is for all of them. */
import { availableParallelism } from 'node:os'
import { LEAST_MEMORY } from '../config-limits.ts'
import type { ProxyLimits } from '../config-limits.ts'
import type { Config } from '../config.ts'
import { boundOf } from '../open-limits.ts'

/** 1: this process alone. */
export function workerCount({ workers }: Pick<Config['proxy'], 'workers'>): number {
  return workers === 'auto' ? availableParallelism() : workers
}

/** What `proxy.limits.memory` says is for all of them. */
export function shareOf<Limits extends Pick<ProxyLimits, 'memory'>>(limits: Limits, count: number): Limits {
  const bound = boundOf(limits)
  if (count === 1 || bound === null) return limits
  return { ...limits, memory: Math.max(LEAST_MEMORY, Math.floor(bound / count)) }
}

/** What `sluice check` says of them: a sentence each. */
export function workerNotes(limits: Pick<ProxyLimits, 'memory'>, count: number): string[] {
  const memory = boundOf(shareOf(limits, count))
  if (count === 1 || memory === null) return []
  return [`proxy.workers: ${count} processes, and each refuses above ${Math.floor(memory / 1024 ** 2)} MiB of its own; the process that starts them comes on top.`]
}
