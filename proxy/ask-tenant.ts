/** Asks a provider whose a credential is, with that credential and nobody else's (`tenants.ask`). */
import https from 'node:https'
import { LRUCache } from 'lru-cache'
import { atMost } from '../policy/at-most.ts'
import type { ProviderModule, Question, RequestHead } from '../policy/providers/provider.ts'
import { bindIdentities } from '../policy/tenant/bind-identities.ts'
import type { Bindings } from '../policy/tenant/bindings.ts'
import { lifetimeOf } from '../policy/tenant/lifetime.ts'
import { AnswerReader, asAnswer, asResponse } from './read-answer.ts'
import type { PooledRequestOptions, Upstream } from './upstream.ts'

export interface AskerParts {
  readonly upstream: Pick<Upstream, 'httpsAgent'>
  readonly bindings: Bindings
  /** No request waits for longer, in milliseconds. */
  readonly timeoutMs: number
  /** A provider's reader threw, or a question could not be put. */
  readonly failed: (error: unknown) => void
}

/** A credential of which the provider says nothing is not asked about again for so long. */
const AGAIN_MS = 5 * 60_000
const REMEMBERED_MAX = 10_000
/** More questions at a time are not put: the request is judged without. */
const UNDER_WAY_MAX = 32

export class TenantAsker {
  readonly #parts: AskerParts
  readonly #reader = new AnswerReader()
  readonly #asked = new LRUCache<string, true>({ ...atMost(REMEMBERED_MAX), ttl: AGAIN_MS })
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(parts: AskerParts) {
    this.#parts = parts
  }

  isWorthAsking(digest: string): boolean {
    return !this.#asked.has(digest) && (this.#underWay.has(digest) || this.#underWay.size < UNDER_WAY_MAX)
  }

  /** Resolves when the answer is kept, or when it takes too long. Never rejects. `digest`: the credential's. */
  ask(module: ProviderModule, token: string, digest: string): Promise<void> {
    const running = this.#underWay.get(digest)
    if (running !== undefined) return running
    const { question } = module
    if (question === undefined || this.#underWay.size >= UNDER_WAY_MAX) return Promise.resolve()
    const asking = this.#put(module, question, token, digest).catch(this.#parts.failed).finally(() => {
      this.#underWay.delete(digest)
      this.#asked.set(digest, true)
    })
    this.#underWay.set(digest, asking)
    return asking
  }

  #put(module: ProviderModule, question: Question, token: string, digest: string): Promise<void> {
    const { upstream, timeoutMs } = this.#parts
    const { method, host, path, body } = question
    const options: PooledRequestOptions = {
      method, host, port: 443, path, agent: upstream.httpsAgent, poolKey: `ask#${digest}`, signal: AbortSignal.timeout(timeoutMs),
      headers: {
        host, authorization: `Bearer ${token}`, accept: 'application/json', 'accept-encoding': 'identity',
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      },
    }
    return new Promise((resolve, reject) => {
      const request = https.request(options, (response) => {
        const status = response.statusCode ?? 0
        let kept: Promise<void> | undefined
        response.once('error', reject)
        response.once('close', () => { (kept ?? Promise.resolve()).then(resolve, reject) })
        if (status < 200 || status > 299) {
          response.resume()
          return
        }
        const answer = asAnswer(response)
        this.#reader.read(module, answer, (bytes) => {
          kept = this.#keep(module, headOf(question, token), digest, token, asResponse(answer, bytes))
        })
        response.resume()
      })
      request.once('error', reject)
      request.end(body)
    })
  }

  async #keep(module: ProviderModule, head: RequestHead, digest: string, token: string, response: ReturnType<typeof asResponse>): Promise<void> {
    const now = Date.now()
    await bindIdentities(this.#parts.bindings, {
      account: module.account, credential: digest, lifetimeMs: lifetimeOf(token, now), how: 'asked', at: now,
    }, module.identify?.(head, response) ?? [])
  }
}

/** The question as its answer's reader takes a request. */
function headOf({ method, host, path, body }: Question, token: string): RequestHead {
  const at = path.indexOf('?')
  const headers = new Map([['authorization', `Bearer ${token}`], ...(body === undefined ? [] : [['content-type', 'application/json'] as const])])
  return {
    method, host, path: at < 0 ? path : path.slice(0, at), query: at < 0 ? '' : path.slice(at + 1), headers,
    contentLength: body === undefined ? 0 : Buffer.byteLength(body),
  }
}
