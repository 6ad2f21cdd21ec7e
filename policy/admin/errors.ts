import type { FastifyInstance, FastifyReply } from 'fastify'
import { SluiceError } from '../errors.ts'
import type { ErrorCode, Fault } from '../errors.ts'
import type { Log } from '../store/log.ts'

/** RFC 9457. `errors` names the faulty places of a document. */
export interface Problem {
  readonly type: `urn:sluice:error:${ErrorCode}`
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly errors: readonly Fault[]
}

const KINDS: Readonly<Record<ErrorCode, readonly [status: number, title: string]>> = {
  'config.unknown-key': [500, 'Unknown configuration key'],
  'config.invalid': [500, 'Invalid configuration'],
  'config.unreadable': [500, 'Unreadable configuration'],
  'usage': [500, 'Wrong usage'],
  'policy.invalid': [422, 'Invalid policy'],
  'policy.duplicate-rule': [422, 'Two rules with one id'],
  'policy.unreadable': [400, 'Unreadable policy'],
  'policy.stale': [412, 'The policy has changed'],
  'policy.precondition-required': [428, 'If-Match is required'],
  'tenant.invalid': [422, 'Invalid tenant'],
  'tenant.not-found': [404, 'No such tenant'],
  'token.not-found': [404, 'No such token'],
  'store.unreachable': [503, 'The store cannot be reached'],
  'store.corrupt': [503, 'The store is damaged'],
  'store.locked': [503, 'The store is busy'],
  'store.invalid-url': [500, 'Invalid store URL'],
  'admin.unauthorised': [401, 'A valid token is required'],
  'admin.forbidden': [403, 'The role does not allow this'],
  'admin.not-found': [404, 'Not found'],
  'admin.invalid': [400, 'Invalid request'],
  'admin.too-large': [413, 'The body is too large'],
  'listen.in-use': [500, 'Address in use'],
  'listen.refused': [500, 'Address refused'],
  'environment.unsafe': [500, 'Unsafe environment'],
  'internal': [500, 'Internal error'],
}

/** What a caller may know of an error; anything that is no SluiceError is told as `internal`, without its text. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof SluiceError)) return problem('internal', 'Something went wrong; the log of the proxy says what.')
  return problem(error.code, `${error.message} ${error.remedy}`.trim(), error.faults)
}

function problem(code: ErrorCode, detail: string, errors: readonly Fault[] = [], status = KINDS[code][0]): Problem {
  return { type: `urn:sluice:error:${code}`, title: KINDS[code][1], status, detail, code, errors }
}

export function handleErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => {
    const told = ofFastify(error) ?? problemOf(error)
    if (told.status >= 500) {
      const place = `${request.method} ${request.routeOptions.url ?? 'an unknown route'}`
      log('error', `${place} failed: ${error instanceof Error ? error.message : String(error)}`)
    }
    return sendProblem(reply, told)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]?.slice(0, 200) ?? ''
    return sendProblem(reply, problem('admin.not-found', `There is no ${request.method} ${path}.`))
  })
}

function sendProblem(reply: FastifyReply, told: Problem): FastifyReply {
  // Bytes, because Fastify adds a charset to texts, which this media type does not have (RFC 9457 §6.1).
  return reply.code(told.status).header('content-type', 'application/problem+json').send(Buffer.from(JSON.stringify(told)))
}

const FASTIFY: Readonly<Record<string, readonly [code: ErrorCode, detail: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['admin.too-large', 'The body is larger than 1 MiB.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['admin.invalid', 'The Content-Type is not one that this route reads. Send application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['admin.invalid', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['admin.invalid', 'The body is not JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['admin.invalid', 'The body is not as long as its Content-Length says.'],
}

// Fastify's own refusals, in our words: some of its texts quote the request.
function ofFastify(error: unknown): Problem | null {
  if (error instanceof SluiceError || !(error instanceof Error) || !('statusCode' in error)) return null
  const status = error.statusCode
  if (typeof status !== 'number' || status < 400 || status >= 500) return null
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const unread = error instanceof SyntaxError ? 'The body is not JSON.' : 'The request cannot be read.'
  const [kind, detail] = FASTIFY[code] ?? ['admin.invalid', unread]
  return problem(kind, detail, [], status)
}
