import { Counter } from 'prom-client'
import type { Registry } from 'prom-client'

/** A label and the closed list of its values. What is not in the list counts as its last value. */
export interface Dimension {
  readonly label: string
  readonly values: readonly string[]
}

const FEW = 10

/**
 * A counter whose labels all have closed lists of values: the number of series has a bound that no client can move.
 * Counts live in one array indexed by the values' positions, because `prom-client` sorts and hashes labels at every
 * increment; it is handed the counts when it is scraped. A tally of few series shows them all from the start, so that
 * the first count is an increase; of a larger one, only what has counted is shown.
 */
export class Tally {
  readonly #counts: Float64Array
  readonly #indexes: readonly ReadonlyMap<string, number>[]
  readonly #dimensions: readonly Dimension[]

  constructor(registry: Registry, name: string, help: string, dimensions: readonly Dimension[]) {
    this.#dimensions = dimensions
    this.#indexes = dimensions.map(({ values }) => new Map(values.map((value, i) => [value, i])))
    this.#counts = new Float64Array(dimensions.reduce((product, { values }) => product * values.length, 1))
    const show = (counter: Counter) => this.#show(counter)
    new Counter({
      name, help, registers: [registry], labelNames: dimensions.map(({ label }) => label),
      collect() { show(this) },
    })
  }

  /** One value per dimension, in order. */
  add(amount: number, a?: string, b?: string, c?: string, d?: string): void {
    let at = this.#step(0, 0, a)
    at = this.#step(at, 1, b)
    at = this.#step(at, 2, c)
    at = this.#step(at, 3, d)
    this.#counts[at] = (this.#counts[at] ?? 0) + amount
  }

  #step(at: number, dimension: number, value: string | undefined): number {
    const index = this.#indexes[dimension]
    if (index === undefined) return at
    return at * index.size + (index.get(value ?? '') ?? index.size - 1)
  }

  #show(counter: Counter): void {
    counter.reset()
    this.#counts.forEach((count, at) => {
      if (count > 0 || this.#counts.length <= FEW) counter.inc(this.#labels(at), count)
    })
  }

  #labels(at: number): Record<string, string> {
    let rest = at
    const lastFirst = this.#dimensions.toReversed().map(({ label, values }) => {
      const value = values[rest % values.length] ?? ''
      rest = Math.floor(rest / values.length)
      return [label, value] as const
    })
    return Object.fromEntries(lastFirst.reverse())
  }
}
