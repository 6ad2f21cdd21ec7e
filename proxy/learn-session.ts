/** Reads in an origin's answer which upload session it opened. */
import type { Sessions } from '../policy/sessions.ts'
import type { Exchange } from './exchange.ts'
import { asResponse } from './read-answer.ts'
import type { AnswerReader, OriginAnswer } from './read-answer.ts'
import { sessionKey } from './stages/session.ts'

export class SessionLearner {
  readonly #sessions: Pick<Sessions, 'start' | 'end'>
  readonly #reader: AnswerReader
  readonly #failed: (error: unknown) => void

  /** `failed`: a provider's reader threw, which none should. */
  constructor(sessions: Pick<Sessions, 'start' | 'end'>, reader: AnswerReader, failed: (error: unknown) => void) {
    this.#sessions = sessions
    this.#reader = reader
    this.#failed = failed
  }

  /** Call it as the answer begins to be relayed, in the same turn. */
  observe(exchange: Exchange, origin: OriginAnswer): void {
    const { judgement, head, websocket } = exchange
    const operation = judgement?.recognition?.operation
    const { status } = origin
    if (judgement?.module == null || operation === undefined || head === null || websocket || status < 200 || status > 299) return
    const key = sessionKey(judgement.module, operation, head.host)
    // 202 and the like: the provider has not made up its mind.
    const isOver = operation.step === 'finish' || operation.step === 'cancel'
    if (key !== null && isOver && (status <= 201 || status === 204)) this.#sessions.end(key)
    const where = judgement.module.learns?.(operation) ?? null
    if (where === null || exchange.asked.method === 'HEAD') return
    if (where === 'headers') this.#learn(exchange, origin, null)
    else this.#reader.read(judgement.module, origin, (body) => this.#learn(exchange, origin, body))
  }

  #learn(exchange: Exchange, origin: OriginAnswer, body: Buffer | null): void {
    const { judgement, head, meter } = exchange
    const operation = judgement?.recognition?.operation
    const learn = judgement?.module?.learn
    if (operation === undefined || learn === undefined || head === null) return
    try {
      const learned = learn(head, operation, asResponse(origin, body))
      if (learned === undefined) return
      const { provider = operation.provider, session, host = head.host } = learned
      const key = sessionKey(judgement?.module ?? null, { provider, session }, host)
      const size = learned.size ?? (operation.size.is === 'exact' ? operation.size.bytes : undefined)
      const { fileName, contentType } = operation
      const { id = null, trust } = judgement?.attribution ?? {}
      const credential = judgement?.gathered?.question.credentialDigest
      if (key === null) return
      this.#sessions.start(key, {
        bytes: learned.carries === true ? meter?.forwarded ?? 0 : 0,
        ...(size === undefined ? {} : { size }),
        ...(fileName === undefined ? {} : { fileName }),
        ...(contentType === undefined ? {} : { contentType }),
        ...(id === null ? {} : { tenantId: id }),
        ...(trust === undefined ? {} : { tenantIs: trust }),
        ...(credential === undefined ? {} : { credential }),
      })
    } catch (error) {
      this.#failed(error)
    }
  }
}
