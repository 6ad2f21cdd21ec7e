/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a creation that was sent twice, because its answer got lost, is made once.
 * Only what succeeded is kept: what failed has made nothing and may be sent again under the same key.
 */
import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { SluiceError } from '../errors.ts'
import type { Log } from '../store/log.ts'
import type { Store } from '../store/store.ts'
import type { AdminApp } from './ports.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route honours `Idempotency-Key`; with `keep`, what of its answer may be kept, where that has a secret. */
    idempotent?: true | { readonly keep: (answer: Readonly<Record<string, unknown>>) => object }
  }
  interface FastifyRequest {
    /** Where the answer will be kept; null where it will not. */
    attempt: Attempt | null
  }
}

interface Attempt {
  readonly answer: string
  readonly fingerprint: string
}

const KEPT_MS = 24 * 3_600_000
/** After it, a first request that never ended counts as lost. Longer than any creation takes. */
const RUNNING_MS = 5 * 60_000
/** How often a creation may fail under one key. */
const ATTEMPTS = 20
const KEY = /^[!-~]{1,255}$/
const FAILED = 'failed'
/** The fields of an answer that tell of what was made. */
const FIELDS = ['content-type', 'location', 'etag', 'sluice-revision'] as const

const Kept = Type.Object({
  fingerprint: Type.String(), status: Type.Integer(), fields: Type.Record(Type.String(), Type.String()), body: Type.String(),
})
const kept = Compile(Kept)

/** Looks after every route of `app` that is `idempotent`. The digests tell nobody the keys, and those of different callers never meet. */
export function honourKeys(app: AdminApp, store: Pick<Store, 'remember' | 'remembered'>, log: Log): void {
  app.decorateRequest('attempt', null)

  // Behind the checks of the request, so that only what can be carried out takes a key.
  app.addHook('preHandler', async (request, reply) => {
    const key = request.routeOptions.config.idempotent === undefined ? undefined : keyOf(request)
    if (key === undefined) return
    const slot = [request.actor?.author, request.method, request.routeOptions.url, key]
    const fingerprint = digestOf([request.url, request.body])
    for (let n = 0; n < ATTEMPTS; n++) {
      const [running, answer] = [digestOf([...slot, n, 'running']), digestOf([...slot, n, 'answer'])]
      const before = await store.remembered(answer)
      if (before === FAILED) continue
      if (before === null && await store.remember(running, fingerprint, RUNNING_MS)) {
        request.attempt = { answer, fingerprint }
        return
      }
      const since = before ?? await store.remembered(answer)
      if (since === FAILED) continue
      if (since === null) throw underWay()
      return replay(reply, since, fingerprint)
    }
    throw new SluiceError('idempotency.running', 'What was asked for with this Idempotency-Key has failed too often.', 'Send a new key.',
      { faults: [{ path: 'Idempotency-Key', message: 'has failed too often' }] })
  })

  app.addHook('onSend', async (request, reply, payload: unknown) => {
    const { attempt } = request
    if (attempt === null) return
    request.attempt = null
    const text = reply.statusCode < 300 ? JSON.stringify(toKeep(request, reply, attempt, payload)) : FAILED
    try {
      await store.remember(attempt.answer, text, KEPT_MS)
    } catch (error) {
      // What was made is made; its answer must not be lost as well.
      log('warn', `An answer could not be kept for its Idempotency-Key: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
}

function keyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined || (typeof key === 'string' && KEY.test(key))) return key
  throw new SluiceError('admin.invalid', 'Idempotency-Key is not 1 to 255 visible ASCII characters.', 'Send a UUID, say.',
    { faults: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }] })
}

function digestOf(parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts), 'hex')
}

function toKeep({ routeOptions }: FastifyRequest, reply: FastifyReply, { fingerprint }: Attempt, payload: unknown): Static<typeof Kept> {
  const { idempotent } = routeOptions.config
  const body = typeof payload === 'string' ? payload : ''
  const fields = Object.fromEntries(FIELDS.flatMap((name) => reply.hasHeader(name) ? [[name, String(reply.getHeader(name))]] : []))
  return { fingerprint, status: reply.statusCode, fields, body: typeof idempotent === 'object' ? JSON.stringify(idempotent.keep(JSON.parse(body))) : body }
}

function replay(reply: FastifyReply, text: string, fingerprint: string): FastifyReply {
  const answer: unknown = JSON.parse(text)
  if (!kept.Check(answer)) throw new SluiceError('store.corrupt', 'What is kept for the Idempotency-Key is damaged.', 'Send another key.')
  if (answer.fingerprint !== fingerprint) {
    throw new SluiceError('idempotency.mismatch', 'The Idempotency-Key was used for another request.', 'Send a new key with a new request.',
      { faults: [{ path: 'Idempotency-Key', message: 'was used for another request' }] })
  }
  return reply.code(answer.status).headers({ ...answer.fields, 'idempotency-replayed': 'true' }).send(answer.body)
}

function underWay(): SluiceError {
  return new SluiceError('idempotency.running', 'The first request with this Idempotency-Key is under way.', 'Send it again in a while.',
    { faults: [{ path: 'Idempotency-Key', message: 'is in use' }] })
}
