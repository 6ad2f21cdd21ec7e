import type { Family, Sample } from './expose.ts'
import { Series } from './series.ts'
import type { Dimension } from './series.ts'

/** The last event that fell into a bucket. */
interface Latest {
  id: string
  value: number
  /** Milliseconds since the epoch. */
  at: number
}

/**
 * A histogram whose labels all have closed lists of values, kept in arrays as a `Tally` is. Each bucket remembers the last
 * event that fell into it: its exemplar, which leads from a peak in a chart to what made it.
 */
export class Spread {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #series: Series
  /** By series, and in it by bucket; the last bucket has no bound. */
  readonly #counts: Float64Array
  readonly #sums: Float64Array
  readonly #latest: (Latest | undefined)[]

  /** `bounds`: ascending, in the unit that the name ends with. */
  constructor(name: string, help: string, bounds: readonly number[], dimensions: readonly Dimension[] = []) {
    this.#name = name
    this.#help = help
    this.#bounds = bounds
    this.#series = new Series(dimensions)
    this.#counts = new Float64Array(this.#series.count * (bounds.length + 1))
    this.#sums = new Float64Array(this.#series.count)
    this.#latest = Array.from({ length: this.#series.count * (bounds.length + 1) }, () => undefined)
  }

  /** `id`: of the event, `at` its time; then one value per dimension, in order. What is not in a list counts as its last value. */
  observe(value: number, id: string, at: number, a?: string, b?: string): void {
    const series = this.#series.at(a, b)
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket++
    const place = series * (this.#bounds.length + 1) + bucket
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
    this.#sums[series] = (this.#sums[series] ?? 0) + value
    const latest = this.#latest[place]
    if (latest === undefined) {
      this.#latest[place] = { id, value, at }
      return
    }
    latest.id = id
    latest.value = value
    latest.at = at
  }

  /** Of labelled series, those that have counted. */
  values(): Family {
    const values: Sample[] = []
    for (let series = 0; series < this.#sums.length; series++) this.#show(series, values)
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values }
  }

  #show(series: number, into: Sample[]): void {
    const width = this.#bounds.length + 1
    const counts = this.#counts.subarray(series * width, (series + 1) * width)
    const total = counts.reduce((sum, count) => sum + count, 0)
    if (total === 0 && this.#series.count > 1) return
    const labels = this.#series.labels(series)
    let sum = 0
    counts.forEach((count, bucket) => {
      sum += count
      const latest = this.#latest[series * width + bucket]
      into.push({
        metricName: `${this.#name}_bucket`, labels: { le: this.#bounds[bucket] ?? '+Inf', ...labels }, value: sum,
        ...latest === undefined ? {} : { exemplar: { labelSet: { event_id: latest.id }, value: latest.value, timestamp: latest.at / 1000 } },
      })
    })
    into.push(
      { metricName: `${this.#name}_sum`, labels, value: this.#sums[series] ?? 0 },
      { metricName: `${this.#name}_count`, labels, value: total },
    )
  }
}
