/**
 * The refusals of late whose rule lets an exception be asked for. In memory and on this node only: whoever asks has been refused
 * here, and the event's id, which nobody else was told, is what he shows for it.
 */
import { LRUCache } from 'lru-cache'
import { atMost } from '../../policy/at-most.ts'
import { formatHostPort, unmap } from '../host-port.ts'
import type { Exchange } from '../exchange.ts'

/** What was refused to whom. */
export interface Offer {
  readonly event: string
  readonly ip: string
  readonly user?: string
  readonly rule: string
  readonly provider: string | null
  /** The rule's message. */
  readonly message?: string
}

const OFFERS_MAX = 10_000
const OFFERED_FOR_MS = 24 * 3_600_000

export const EXCEPTION_PATH = '/exception'

export class Offers {
  readonly #origin: string | null
  readonly #isSecure: boolean
  readonly #offers = new LRUCache<string, Offer>({ ...atMost(OFFERS_MAX), ttl: OFFERED_FOR_MS })

  /** `publicUrl`: where clients reach the proxy; null: where each has come, by TLS where it `isSecure`. */
  constructor(publicUrl: string | null, isSecure = false) {
    this.#isSecure = isSecure
    this.#origin = publicUrl === null ? null : new URL(publicUrl).origin
  }

  /** Notes the refusal of an exchange. Answers where its person can ask for an exception; undefined where the rule has none. */
  note({ id, arrival, judgement, local }: Exchange): string | undefined {
    const decision = judgement?.verdict.decision
    if (judgement === null || decision?.coach !== true || decision.ruleId === null) return undefined
    const { user } = judgement.client
    this.#offers.set(id, {
      event: id, ip: arrival.peer.ip, rule: decision.ruleId, provider: judgement.recognition?.operation.provider ?? null,
      ...(user === undefined ? {} : { user }), ...(decision.message === undefined ? {} : { message: decision.message }),
    })
    const origin = this.#origin ?? `${this.#isSecure ? 'https' : 'http'}://${formatHostPort(unmap(local.localAddress ?? '127.0.0.1'), local.localPort ?? 0)}`
    return `${origin}${EXCEPTION_PATH}?event=${id}`
  }

  /** The refusal of an event, to the client that it was told to and nobody else. */
  find(event: string, ip: string): Offer | undefined {
    const offer = this.#offers.get(event)
    return offer?.ip === ip ? offer : undefined
  }
}
