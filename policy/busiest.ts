/**
 * How often the busiest of many has done something lately: a figure that tells of a burst by one person, without a series a person.
 * Memory is bounded: of more names than that, those are forgotten that have done nothing for longest.
 */

/** The window moves on in steps of a fifth. */
const STEPS = 5

export class Busiest {
  readonly #stepMs: number
  readonly #most: number
  readonly #counts = new Map<string, { at: number; readonly steps: number[] }>()

  /** `most`: names that are kept at the same time. */
  constructor(windowMs: number, most: number) {
    this.#stepMs = windowMs / STEPS
    this.#most = most
  }

  /** `now`: monotonic milliseconds. */
  add(name: string, now: number): void {
    const at = Math.floor(now / this.#stepMs)
    const known = this.#counts.get(name) ?? { at, steps: Array<number>(STEPS).fill(0) }
    this.#counts.delete(name)
    this.#counts.set(name, known)
    moveOn(known, at)
    known.steps[at % STEPS] = (known.steps[at % STEPS] ?? 0) + 1
    if (this.#counts.size <= this.#most) return
    const [oldest] = this.#counts.keys()
    if (oldest !== undefined) this.#counts.delete(oldest)
  }

  forget(isMeant: (name: string) => boolean): void {
    for (const name of this.#counts.keys()) if (isMeant(name)) this.#counts.delete(name)
  }

  /** The highest count of all names within the window. */
  highest(now: number): number {
    const at = Math.floor(now / this.#stepMs)
    let highest = 0
    for (const [name, known] of this.#counts) {
      moveOn(known, at)
      const count = known.steps.reduce((sum, step) => sum + step, 0)
      if (count === 0) this.#counts.delete(name)
      else if (count > highest) highest = count
    }
    return highest
  }
}

/** Empties the steps that have passed since. */
function moveOn(known: { at: number; readonly steps: number[] }, at: number): void {
  for (let step = Math.max(known.at + 1, at - STEPS + 1); step <= at; step++) known.steps[step % STEPS] = 0
  known.at = Math.max(known.at, at)
}
