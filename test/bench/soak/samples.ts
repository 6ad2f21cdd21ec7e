/** What a soak reads of Sluice's process while it runs: resident memory, open descriptors, the event loop's delay. */
import { readdirSync, readlinkSync } from 'node:fs'
import { residentMemory } from '../memory-run.ts'
import type { MetricsText } from './metrics-text.ts'

export interface Reading {
  /** Milliseconds since the load began. */
  readonly at: number
  /** Bytes. */
  readonly resident: number
  readonly heapUsed: number
  readonly heapTotal: number
  readonly external: number
  readonly descriptors: number
  readonly tunnels: number
  /** The longest time that the event loop was late since the last reading, in milliseconds. */
  readonly delay: number
}

export function read(pid: number, at: number, metrics: MetricsText): Reading {
  return {
    at, resident: residentMemory(pid), heapUsed: metrics.sum('nodejs_heap_size_used_bytes'),
    heapTotal: metrics.sum('nodejs_heap_size_total_bytes'), external: metrics.sum('nodejs_external_memory_bytes'),
    descriptors: descriptorsOf(pid).length, tunnels: metrics.sum('sluice_tunnels_open'), delay: metrics.sum('nodejs_eventloop_lag_max_seconds') * 1000,
  }
}

/** What each open descriptor of a process is; what closes meanwhile is left out. */
export function descriptorsOf(pid: number): string[] {
  const dir = `/proc/${pid}/fd`
  return readdirSync(dir).flatMap(name => {
    try {
      return [readlinkSync(`${dir}/${name}`).replace(/:\[\d+\]$/, '')]
    } catch {
      return []
    }
  })
}

/** How often each is there, the most frequent first. */
export function countDescriptors(descriptors: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const each of descriptors) counts.set(each, (counts.get(each) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1]).map(([what, count]) => `${count} ${what}`).join(', ')
}

export interface Memory {
  /** Medians, bytes: of the second minute (or the second quarter of a short run), and of the last. */
  readonly before: number
  readonly after: number
  /** The most after the first minute. */
  readonly peak: number
  readonly samples: number
  readonly dead: boolean
}

/** Compares the end of a run with its beginning, once warmed up; `ms`: how long the load lasted. */
export function compareMemory(readings: readonly Reading[], ms: number): Memory {
  const span = Math.min(60_000, ms / 4)
  const within = (from: number, to: number): number[] => readings.filter(({ at }) => at >= from && at < to).map(({ resident }) => resident)
  return {
    before: median(within(span, 2 * span)), after: median(within(ms - span, ms)), peak: Math.max(...within(span, ms)),
    samples: readings.length, dead: readings.some(({ resident }) => resident === 0),
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
