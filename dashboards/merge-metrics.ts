/** The metrics of several processes as those of one. */
import { AggregatorRegistry } from 'prom-client'

/** One metric of one process, as `Registry.getMetricsAsJSON` gives it. */
interface Values {
  readonly name: string
  /** `counter`, `gauge`, `histogram`, `summary`. */
  readonly type: unknown
  readonly values: readonly object[]
}

export type MetricValues = readonly Values[]

/** Sums, or what each metric's `aggregator` says. */
export async function mergeMetrics(parts: readonly MetricValues[]): Promise<{ readonly contentType: string; readonly body: string }> {
  const merged = AggregatorRegistry.aggregate([...parts] as object[])
  return { contentType: merged.contentType, body: await merged.metrics() }
}

/** What a process leaves that is gone: counts go on from there, while nothing of it is open or up any more. */
export async function mergeCounts(parts: readonly MetricValues[]): Promise<MetricValues> {
  const counts = parts.map((part) => part.filter(({ type }) => type === 'counter' || type === 'histogram'))
  return await AggregatorRegistry.aggregate(counts).getMetricsAsJSON()
}
