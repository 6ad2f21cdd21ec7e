/** A label and the closed list of its values. What is not in the list counts as its last value. */
export interface Dimension {
  readonly label: string
  readonly values: readonly string[]
}

/** The series of a metric whose labels all have closed lists of values, by their number: it has a bound that no client can move. */
export class Series {
  /** How many there can be. */
  readonly count: number
  readonly #dimensions: readonly Dimension[]
  readonly #indexes: readonly ReadonlyMap<string, number>[]

  constructor(dimensions: readonly Dimension[]) {
    this.#dimensions = dimensions
    this.#indexes = dimensions.map(({ values }) => new Map(values.map((value, i) => [value, i])))
    this.count = dimensions.reduce((product, { values }) => product * values.length, 1)
  }

  /** The number of one: a value per dimension, in order. */
  at(a?: string, b?: string, c?: string, d?: string): number {
    return this.#step(this.#step(this.#step(this.#step(0, 0, a), 1, b), 2, c), 3, d)
  }

  #step(at: number, dimension: number, value: string | undefined): number {
    const index = this.#indexes[dimension]
    if (index === undefined) return at
    return at * index.size + (index.get(value ?? '') ?? index.size - 1)
  }

  /** By label, in the order of the dimensions. */
  labels(at: number): Record<string, string> {
    const labels: [string, string][] = []
    let rest = at
    for (const { label, values } of this.#dimensions.toReversed()) {
      labels.push([label, values[rest % values.length] ?? ''])
      rest = Math.floor(rest / values.length)
    }
    return Object.fromEntries(labels.reverse())
  }
}
