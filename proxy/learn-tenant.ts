/** Reads in an origin's answer whose a credential or a place is. */
import { LRUCache } from 'lru-cache'
import { bindIdentities } from '../policy/tenant/bind-identities.ts'
import type { Bindings } from '../policy/tenant/bindings.ts'
import { lifetimeOf } from '../policy/tenant/lifetime.ts'
import type { KeySets } from '../policy/tenant/key-sets.ts'
import type { Exchange } from './exchange.ts'
import type { Head } from './head.ts'
import { asResponse } from './read-answer.ts'
import type { AnswerReader, OriginAnswer } from './read-answer.ts'

export interface TenantLearnerParts {
  readonly bindings: Bindings
  readonly keySets: KeySets
  /** A provider's reader threw, which none should. */
  readonly failed: (error: unknown) => void
}

/** Programs ask again and again who they are: an answer that says the same within this time teaches nothing. */
const SAME_MS = 10_000
const MOST_LESSONS = 1_000
/** Larger answers are listings, which seldom stay the same. */
const MOST_LESSON_BYTES = 4 * 1024

export class TenantLearner {
  readonly #parts: TenantLearnerParts
  readonly #reader: AnswerReader
  /** The last answer to a credential at a place of the API. */
  readonly #lessons = new LRUCache<string, Buffer>({ max: MOST_LESSONS, ttl: SAME_MS })

  constructor(parts: TenantLearnerParts, reader: AnswerReader) {
    this.#parts = parts
    this.#reader = reader
  }

  /**
   * Call it as the answer begins to be relayed, in the same turn. Only what came from the provider over verified TLS
   * counts, with a status of 2xx, of an endpoint that tells such things.
   */
  observe(exchange: Exchange, origin: OriginAnswer): void {
    const { judgement, head, websocket, arrival, asked } = exchange
    const { status } = origin
    const operation = judgement?.recognition?.operation
    const module = judgement?.module
    if (module == null || operation === undefined || head === null) return
    if (websocket || arrival.scheme !== 'https' || status < 200 || status > 299 || asked.method === 'HEAD') return
    const { keySets } = this.#parts
    if (keySets.isSource(head)) this.#reader.read(module, origin, (body) => keySets.learn(module.account, body))
    if (module.identify === undefined || module.identifies?.(head, operation) !== true) return
    this.#reader.read(module, origin, (body) => this.#isKnown(exchange, head, body) ? undefined : this.#learn(exchange, asResponse(origin, body)))
  }

  #isKnown({ judgement }: Exchange, { host, path, query }: Head, body: Buffer): boolean {
    const digest = judgement?.gathered?.question.credentialDigest
    if (digest === undefined || body.length > MOST_LESSON_BYTES) return false
    const key = `${digest} ${host}${path}?${query}`
    // What was forgotten meanwhile is to be learned again.
    if (this.#lessons.get(key)?.equals(body) === true && this.#parts.bindings.get(digest) !== undefined) return true
    this.#lessons.set(key, body)
    return false
  }

  async #learn({ judgement, head }: Exchange, response: ReturnType<typeof asResponse>): Promise<void> {
    const module = judgement?.module
    const question = judgement?.gathered?.question
    if (module?.identify === undefined || question === undefined || head === null) return
    const { credential, credentialDigest, place } = question
    // Of two credentials nobody knows which one the answer is about.
    if (credential.is === 'several') return
    const { bindings, failed } = this.#parts
    const now = Date.now()
    try {
      await bindIdentities(bindings, {
        account: module.account, credential: credentialDigest, how: 'learned', at: now,
        lifetimeMs: credential.is === 'one' ? lifetimeOf(credential.token, now) : 0,
      }, module.identify(head, response, place ?? undefined))
    } catch (error) {
      failed(error)
    }
  }
}
