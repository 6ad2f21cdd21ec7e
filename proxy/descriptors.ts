/** Whether the system gives the process as many file descriptors as `proxy.limits` needs. */
import { readFileSync } from 'node:fs'
import type { ProxyLimits } from './config-limits.ts'

/** Beside connections of clients and to origins: listeners, store, event files, connections that are only told that they are too many. */
const SPARE = 512

/** How many the process may open (Node takes the hard limit); null where the system does not tell, or sets no limit. */
export function readDescriptorLimit(): number | null {
  try {
    return parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8'))
  } catch {
    return null
  }
}

/** Of the text of `/proc/self/limits` (proc(5)), the soft limit. */
export function parseDescriptorLimit(text: string): number | null {
  const soft = /^Max open files +([0-9]+) /m.exec(text)?.[1]
  return soft === undefined ? null : Number(soft)
}

/** What is wrong with that limit, as a sentence with the remedy; null: nothing, or nobody can tell. */
export function descriptorShortage(limit: number | null, { connections }: Pick<ProxyLimits, 'connections'>): string | null {
  const needed = connections * 2 + SPARE
  if (limit === null || limit >= needed) return null
  const enough = Math.floor((limit - SPARE) / 2)
  return `proxy.limits.connections ${connections} needs ${needed} file descriptors (two each, and ${SPARE}), the process may open ${limit}: ` +
    `raise that limit (ulimit -n, LimitNOFILE of systemd, --ulimit of Docker)${enough < 1 ? '' : `, or set connections to ${enough}`}.`
}
