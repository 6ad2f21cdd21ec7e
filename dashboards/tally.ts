import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'
import { Series } from './series.ts'
import type { Dimension } from './series.ts'

const FEW = 10

/**
 * A counter whose labels all have closed lists of values: the number of series has a bound that no client can move.
 * Counts live in one array indexed by the values' positions, because `prom-client` sorts and hashes labels at every
 * increment; it is handed the counts when it is scraped. A tally of few series shows them all from the start, so that
 * the first count is an increase; of a larger one, only what has counted is shown.
 */
export class Tally {
  readonly #counts: Float64Array
  readonly #series: Series

  constructor(registry: Registry, name: string, help: string, dimensions: readonly Dimension[]) {
    this.#series = new Series(dimensions)
    this.#counts = new Float64Array(this.#series.count)
    const show = (counter: Counter) => this.#show(counter)
    new Counter({
      name, help, registers: [registry], labelNames: dimensions.map(({ label }) => label),
      collect() { show(this) },
    })
  }

  /** One value per dimension, in order. */
  add(amount: number, a?: string, b?: string, c?: string, d?: string): void {
    const at = this.#series.at(a, b, c, d)
    this.#counts[at] = (this.#counts[at] ?? 0) + amount
  }

  #show(counter: Counter): void {
    counter.reset()
    this.#counts.forEach((count, at) => {
      if (count > 0 || this.#counts.length <= FEW) counter.inc(this.#series.labels(at), count)
    })
  }
}
