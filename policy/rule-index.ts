/**
 * Finds, in their order, the rules that can hold for a request, so that a decision costs what matches and not what is written.
 *
 * The invariant: a rule stands under every value that one of its conditions (its key, outside `not`) can accept, or among
 * those that are always read. A request finds what stands under each of its own values. So a rule that is not found has a
 * condition that is false; a false condition makes the rule false, whatever else is open; and a false rule changes nothing.
 * To find too many is harmless, for every rule that is found is tested in full.
 */
import type { CompiledRule } from './compile.ts'
import type { Facts } from './evaluate.ts'
import { KEYS } from './rule-keys.ts'
import type { Find, Key } from './rule-keys.ts'
import type { When } from './schema.ts'

/** A compiled rule beside the conditions that it was made from. */
export interface Indexed {
  readonly rule: CompiledRule
  readonly when: When
}

/** Walks through the rules that can hold for one request at a time: `start`, then `next` until undefined. */
export class RuleIndex {
  readonly #finds: readonly Find[]
  readonly #always: readonly CompiledRule[]
  /** Kept from request to request, so that a walk allocates nothing. */
  readonly #lists: (readonly CompiledRule[])[] = []
  readonly #places: number[] = []

  constructor(rules: readonly Indexed[]) {
    const counts = countValues(rules)
    const shelves = new Map<Key, Map<string, CompiledRule[]>>()
    const always: CompiledRule[] = []
    for (const { rule, when } of rules) {
      const best = rarest(when, counts)
      if (best === undefined) {
        always.push(rule)
        continue
      }
      const shelf = shelves.get(best.key) ?? new Map<string, CompiledRule[]>()
      shelves.set(best.key, shelf)
      for (const value of best.values) put(shelf, value, rule)
    }
    this.#always = always
    this.#finds = [...shelves].map(([key, shelf]) => key.open(shelf))
  }

  start(facts: Facts): void {
    const lists = this.#lists
    lists.length = 0
    if (this.#always.length > 0) lists.push(this.#always)
    for (const find of this.#finds) find(facts, lists)
    this.#places.length = 0
    for (let i = 0; i < lists.length; i++) this.#places.push(0)
  }

  /** Merges the lists that were found: each is in the policy's order, and a rule may stand in several. */
  next(): CompiledRule | undefined {
    const lists = this.#lists
    const places = this.#places
    let first: CompiledRule | undefined
    for (let i = 0; i < lists.length; i++) {
      const head = lists[i]?.[places[i] ?? 0]
      if (head === undefined) {
        this.#drop(i)
        i -= 1
      } else if (first === undefined || head.order < first.order) first = head
    }
    if (first === undefined) return undefined
    for (let i = 0; i < lists.length; i++) {
      const place = places[i] ?? 0
      if (lists[i]?.[place] === first) places[i] = place + 1
    }
    return first
  }

  /** The last list takes the place of one that was read to its end. */
  #drop(i: number): void {
    const list = this.#lists.pop()
    const place = this.#places.pop()
    if (list === undefined || place === undefined || i === this.#lists.length) return
    this.#lists[i] = list
    this.#places[i] = place
  }
}

type Counts = ReadonlyMap<Key, ReadonlyMap<string, number>>

/** How many rules name each value. */
function countValues(rules: readonly Indexed[]): Counts {
  const counts = new Map(KEYS.map(key => [key, new Map<string, number>()]))
  for (const { when } of rules) {
    for (const [key, ofKey] of counts) {
      for (const value of key.valuesOf(when) ?? []) ofKey.set(value, (ofKey.get(value) ?? 0) + 1)
    }
  }
  return counts
}

/** The condition whose commonest value is rarest: under it the rule is found least often in vain. */
function rarest(when: When, counts: Counts): { readonly key: Key; readonly values: readonly string[] } | undefined {
  let best: { readonly key: Key; readonly values: readonly string[] } | undefined
  let fewest = Infinity
  for (const key of KEYS) {
    const values = key.valuesOf(when)
    if (values === undefined) continue
    const count = key.cost ?? values.reduce((most, value) => Math.max(most, counts.get(key)?.get(value) ?? 0), 0)
    if (count < fewest) {
      fewest = count
      best = { key, values }
    }
  }
  return best
}

function put(shelf: Map<string, CompiledRule[]>, value: string, rule: CompiledRule): void {
  const list = shelf.get(value)
  if (list === undefined) shelf.set(value, [rule])
  else if (list.at(-1) !== rule) list.push(rule)
}
