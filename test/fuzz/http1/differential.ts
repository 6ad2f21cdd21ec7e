/** One connection's bytes, cut at one place or the other, to both readers. */
import { hold } from '../target.ts'
import { difference, leavesOtherwise, sameReading } from './difference.ts'
import { NodeSide } from './node-side.ts'
import { readByRelay } from './relay-side.ts'
import type { Grammar } from './relay-side.ts'

/** Places at which an input is cut, evenly; which ones they are depends on the input, so that all have their turn. */
const MOST_CUTS = 48

export class Differential {
  readonly #grammar: Grammar
  readonly #mostCuts: number
  readonly #node = new NodeSide()
  #executions = 0
  #requests = 0
  #refusals = 0
  #differences = 0

  constructor(grammar: Grammar, mostCuts = MOST_CUTS) {
    this.#grammar = grammar
    this.#mostCuts = mostCuts
  }

  /** Throws `Broken` where the readers differ, or one of them from itself by where the bytes are cut. */
  async run(bytes: Buffer): Promise<void> {
    try {
      this.#compare(bytes)
    } catch (error) {
      this.#differences++
      throw error
    } finally {
      await this.#node.rest()
    }
  }

  #compare(bytes: Buffer): void {
    const whole = readByRelay(this.#grammar, [bytes])
    this.#executions++
    this.#requests += whole.requests.length
    if (whole.end === 'refused') this.#refusals++
    const found = difference(whole, this.#node.read([bytes]))
    hold(found === null, found ?? '')
    const chosen = bytes.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)
    const step = Math.max(1, Math.ceil(bytes.length / this.#mostCuts))
    for (let cut = 1 + chosen % step; cut < bytes.length; cut += step) {
      const inTwo = readByRelay(this.#grammar, [bytes.subarray(0, cut), bytes.subarray(cut)])
      hold(sameReading(whole, inTwo), `cut at ${cut} the relay reads otherwise`)
    }
    const each = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
    hold(sameReading(whole, readByRelay(this.#grammar, each)), 'byte by byte the relay reads otherwise')
    if (whole.requests.length === 0) return
    const cut = chosen % bytes.length
    const inTwo = difference(whole, this.#node.read([bytes.subarray(0, cut), bytes.subarray(cut)]))
    hold(inTwo === null, `cut at ${cut}: ${inTwo}`)
    for (const request of whole.requests) {
      const other = leavesOtherwise(request, this.#node)
      hold(other === null, other ?? '')
    }
  }

  summary(): string {
    return `${this.#executions} connections read by both sides, ${this.#requests} requests taken, ${this.#refusals} connections refused by the relay, ${this.#differences} differences`
  }

  close(): void {
    this.#node.close()
  }
}
