import { ACTIONS } from './operation.ts'
import type { Action } from './operation.ts'

/** How many decisions became others. */
export interface Change {
  readonly from: Action
  readonly to: Action
  readonly events: number
}

export interface Top {
  readonly key: string
  readonly events: number
  /** Most events first. */
  readonly changes: readonly Change[]
}

/** The key of all that has no place of its own. */
export const OTHER = '(other)'
const MAX_KEY = 512

/** Counts changes under names, in memory that no number of names moves: the first `max` names have a place of their own. */
export class Tops {
  readonly #max: number
  /** By name: for each action before and after, a count. */
  readonly #counts = new Map<string, number[]>()

  constructor(max: number) {
    this.#max = max
  }

  add(name: string, from: Action, to: Action): void {
    const short = name.length > MAX_KEY ? name.slice(0, MAX_KEY) : name
    const key = this.#counts.has(short) || this.#counts.size < this.#max ? short : OTHER
    let counts = this.#counts.get(key)
    if (counts === undefined) this.#counts.set(key, counts = ACTIONS.flatMap(() => ACTIONS.map(() => 0)))
    const at = ACTIONS.indexOf(from) * ACTIONS.length + ACTIONS.indexOf(to)
    counts[at] = (counts[at] ?? 0) + 1
  }

  /** The `limit` names with the most events, and the rest under one, last. */
  top(limit: number): Top[] {
    const sums = [...this.#counts].map(([key, counts]) => ({ key, counts, events: counts.reduce((sum, count) => sum + count, 0) }))
      .sort((a, b) => Number(a.key === OTHER) - Number(b.key === OTHER) || b.events - a.events || (a.key < b.key ? -1 : 1))
    const rest = sums.splice(sums.length > limit ? limit - 1 : limit)
    if (rest.length > 0) {
      const counts = ACTIONS.flatMap((_, i) => ACTIONS.map((_, j) =>
        rest.reduce((sum, one) => sum + (one.counts[i * ACTIONS.length + j] ?? 0), 0)))
      sums.push({ key: OTHER, counts, events: rest.reduce((sum, { events }) => sum + events, 0) })
    }
    return sums.map(({ key, counts, events }) => ({ key, events, changes: changesOf(counts) }))
  }
}

function changesOf(counts: readonly number[]): Change[] {
  return ACTIONS.flatMap((from, i) => ACTIONS.map((to, j) => ({ from, to, events: counts[i * ACTIONS.length + j] ?? 0 })))
    .filter(({ events }) => events > 0).sort((a, b) => b.events - a.events)
}
