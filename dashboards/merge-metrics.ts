/** The metrics of several processes as those of one. */
import { AggregatorRegistry } from 'prom-client'
import type { Exemplar, Family, Sample } from './expose.ts'

export type MetricValues = readonly Family[]

/** Sums, or what each metric's `aggregator` says; of exemplars the latest. */
export async function mergeMetrics(parts: readonly MetricValues[]): Promise<MetricValues> {
  const merged: MetricValues = await AggregatorRegistry.aggregate([...parts] as object[]).getMetricsAsJSON()
  const exemplars = latestExemplars(parts)
  return merged.map((family) => family.type !== 'histogram' ? family : {
    ...family,
    values: family.values.map((sample) => {
      const exemplar = exemplars.get(keyOf(sample))
      return exemplar === undefined ? sample : { ...sample, exemplar }
    }),
  })
}

/** What a process leaves that is gone: counts go on from there, while nothing of it is open or up any more. */
export async function mergeCounts(parts: readonly MetricValues[]): Promise<MetricValues> {
  return await mergeMetrics(parts.map((part) => part.filter(({ type }) => type === 'counter' || type === 'histogram')))
}

/** `AggregatorRegistry` leaves them out. */
function latestExemplars(parts: readonly MetricValues[]): Map<string, Exemplar> {
  const latest = new Map<string, Exemplar>()
  for (const sample of parts.flat().flatMap(({ values }) => values)) {
    if (sample.exemplar == null) continue
    const key = keyOf(sample)
    if (sample.exemplar.timestamp >= (latest.get(key)?.timestamp ?? 0)) latest.set(key, sample.exemplar)
  }
  return latest
}

function keyOf({ metricName, labels }: Sample): string {
  return JSON.stringify([metricName, labels])
}
