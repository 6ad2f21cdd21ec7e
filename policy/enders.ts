import { covers } from './covers.ts'
import { masked, networkBits } from './network-bits.ts'
import type { Rule, When } from './schema.ts'

/** A rule and its place in the policy. */
export interface Placed {
  readonly rule: Rule
  readonly order: number
}

/** What comparisons may cost in all, in units of some 300 ns: then no more are made, so that no policy keeps a server busy. */
const MAX_COST = 5_000_000
/** Characters of two rules, multiplied, that are compared for one unit. */
const CHARACTERS = 20_000

/** A condition by which a rule can be looked up: where it stands, and where one that covers it can stand. */
interface Key {
  readonly name: keyof When
  readonly valueOf: (written: string) => string
  readonly wider: (written: string) => readonly string[]
}

const KEYS: readonly Key[] = [
  ...(['user', 'tenant', 'group', 'method', 'client', 'provider', 'activity'] as const).map((name): Key =>
    ({ name, valueOf: value => value.toLowerCase(), wider: value => [value.toLowerCase()] })),
  { name: 'host', valueOf: value => value.toLowerCase(), wider: value => widerHosts(value.toLowerCase()) },
  { name: 'path', valueOf: value => value.toLowerCase(), wider: value => widerGlobs(value.toLowerCase()) },
  { name: 'fileName', valueOf: value => value.toLowerCase(), wider: value => widerGlobs(value.toLowerCase()) },
  { name: 'source', valueOf: (value) => { const { bytes, bits } = networkBits(value); return masked(bytes, bits) }, wider: widerNetworks },
]

/** The rules read so far that end the reading, each under all values of its rarest condition. */
export class Enders {
  readonly #counts = new Map<string, number>()
  readonly #shelves = new Map<string, Rule[]>()
  readonly #open: Rule[] = []
  #left = MAX_COST

  constructor(read: readonly Placed[]) {
    for (const { rule } of read) {
      for (const key of KEYS) for (const value of standsUnder(rule.when, key)) this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
    }
  }

  /** Keeps a rule if it ends the reading for whatever it matches. */
  add({ rule }: Placed): void {
    if (rule.action === 'log' || rule.mode === 'monitor' || rule.enforceFor !== undefined || rule.coach === true) return
    const values = this.#rarest(rule.when)
    if (values === undefined) this.#open.push(rule)
    for (const value of values ?? []) {
      const shelf = this.#shelves.get(value)
      if (shelf === undefined) this.#shelves.set(value, [rule])
      else shelf.push(rule)
    }
  }

  /** A rule kept before that ends whatever this one matches: it takes in the first value of each condition, and is looked for there. */
  over(rule: Rule): Rule | undefined {
    const length = lengthOf(rule)
    const found = this.#among(this.#open, rule, length)
    if (found !== undefined) return found
    for (const { name, wider } of KEYS) {
      const first = many(rule.when[name])[0]
      for (const value of first === undefined ? [] : wider(first)) {
        const other = this.#among(this.#shelves.get(`${name} ${value}`) ?? [], rule, length)
        if (other !== undefined) return other
      }
    }
    return undefined
  }

  #among(others: readonly Rule[], rule: Rule, length: number): Rule | undefined {
    for (const other of others) {
      this.#left -= 1 + length * lengthOf(other) / CHARACTERS
      if (this.#left < 0) return undefined
      if (covers(other, rule)) return other
    }
    return undefined
  }

  #rarest(when: When): readonly string[] | undefined {
    let rarest: readonly string[] | undefined
    let fewest = Infinity
    for (const key of KEYS) {
      const values = standsUnder(when, key)
      const count = values.reduce((most, value) => Math.max(most, this.#counts.get(value) ?? 0), 0)
      if (values.length === 0 || count >= fewest) continue
      fewest = count
      rarest = values
    }
    return rarest
  }
}

const lengths = new WeakMap<Rule, number>()

function lengthOf(rule: Rule): number {
  const known = lengths.get(rule) ?? JSON.stringify(rule.when).length
  lengths.set(rule, known)
  return known
}

function standsUnder(when: When, { name, valueOf }: Key): string[] {
  return many(when[name]).map(written => `${name} ${valueOf(written)}`)
}

function many(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** `a.b.c`, `*.b.c` and `*.c` of `a.b.c`. */
function widerHosts(host: string): string[] {
  return [host, ...[...host.matchAll(/\./g)].map(({ index }) => `*${host.slice(index)}`)]
}

/** The glob, and `**` behind every beginning of what stands before its first wildcard. */
function widerGlobs(glob: string): string[] {
  const literal = glob.split(/[*?]/, 1)[0] ?? ''
  return [glob, ...Array.from({ length: literal.length + 1 }, (_, end) => `${literal.slice(0, end)}**`)]
}

function widerNetworks(network: string): string[] {
  const { bytes, bits } = networkBits(network)
  return Array.from({ length: bits + 1 }, (_, i) => masked(bytes, bits - i))
}
