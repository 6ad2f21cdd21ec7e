/** What Prometheus is told of event sinks, by their kind. */
import { Counter, Gauge } from 'prom-client'
import type { Aggregator, Registry } from 'prom-client'

/** Where events wait or are lost: at a kind of sink, or on the way from a worker. */
export const SINK_TYPES = ['file', 'stdout', 'syslog', 'bulk', 'redis', 'worker', 'other'] as const

/** How one sink does. */
export interface SinkState {
  /** Of `SINK_TYPES`; any other counts as `other`. */
  readonly type: string
  /** Events that it never got, since the start. */
  readonly dropped: number
  /** Characters of events that wait for it; nearly all of them are bytes. */
  readonly waiting: number
  /** It has taken what it was last handed. */
  readonly isUp: boolean
}

export function registerSinks(registry: Registry, read: () => readonly SinkState[]): void {
  const show = (metric: Gauge | Counter, valueOf: (states: readonly SinkState[]) => number): void => {
    metric.reset()
    for (const [sink, states] of Map.groupBy(read(), typeOf)) metric.inc({ sink }, valueOf(states))
  }
  const common = { registers: [registry], labelNames: ['sink'] }
  const gauge = (name: string, help: string, aggregator: Aggregator, valueOf: (states: readonly SinkState[]) => number): void => {
    new Gauge({ ...common, name, help, aggregator, collect() { show(this, valueOf) } })
  }
  new Counter({
    ...common, name: 'sluice_events_dropped_total', help: 'Events that some sink did not take in time.',
    collect() { show(this, (states) => states.reduce((sum, { dropped }) => sum + dropped, 0)) },
  })
  gauge('sluice_events_waiting_bytes', 'Events that wait for a sink.', 'sum', (states) => states.reduce((sum, { waiting }) => sum + waiting, 0))
  gauge('sluice_event_sink_up', 'Whether the sinks have taken what they were last handed.', 'min', (states) => states.every(({ isUp }) => isUp) ? 1 : 0)
}

function typeOf({ type }: SinkState): string {
  return SINK_TYPES.find((known) => known === type) ?? 'other'
}
