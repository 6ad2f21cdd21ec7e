import { SluiceError } from '../errors.ts'
import { Sparing } from '../sparing.ts'
import type { Log } from './log.ts'

/** Somebody has something to write every two seconds while a store refuses it: one that is silent for this long has taken it. */
const LASTS_MS = 10_000
const WARN_EVERY_MS = 60_000

/** A store that answers, but takes no changes. */
export class Refusals {
  readonly #what: string
  readonly #log: Log
  readonly #sparing = new Sparing(WARN_EVERY_MS)
  #why = ''
  #at = -Infinity

  /** `what`: the subject of the sentence that is told. */
  constructor(what: string, log: Log) {
    this.#what = what
    this.#log = log
  }

  /** Answers the error to be thrown, and warns once a minute. */
  note(why: string, remedy: string): SluiceError {
    this.#why = why
    this.#at = performance.now()
    if (this.#sparing.note(this.#at) > 0) this.#log('warn', `${this.#what} takes no changes: ${why}`)
    return new SluiceError('store.read-only', `${this.#what} takes no changes: ${why}.`, remedy)
  }

  /** Why, where it refused lately. */
  last(): { readonly readOnly?: string } {
    return performance.now() - this.#at < LASTS_MS ? { readOnly: this.#why } : {}
  }
}
