import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError, sentence } from '../errors.ts'
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
  'rule.not-found': [404, 'No such rule'],
  'rule.stale': [412, 'The rule has changed'],
  'revision.not-found': [404, 'No such revision'],
  'tenant.stale': [412, 'The tenant has changed'],
  'idempotency.mismatch': [422, 'The key was used for another request'],
  'idempotency.running': [409, 'The first request with this key is under way'],
  'policy.differs': [500, 'The policies differ'],
  'cases.invalid': [500, 'Invalid cases'],
  'cases.failed': [500, 'Cases failed'],
  'people.invalid': [500, 'Invalid directory file'],
  'kerberos.unavailable': [500, 'No Kerberos library'],
  'kerberos.keytab': [500, 'Unusable keytab'],
  'exception.not-found': [404, 'No such exception'],
  'exception.conflict': [409, 'The exception cannot be changed so'],
  'exception.invalid': [422, 'Invalid exception'],
  'break-glass.invalid': [422, 'Invalid break-glass'],
  'event.not-found': [404, 'No such event'],
  'events.busy': [503, 'Too many listeners'],
  'simulate.busy': [409, 'A simulation is running'],
  'pseudonym-key.unreadable': [500, 'Unreadable pseudonym key'],
  'pseudonym-key.weak': [500, 'Weak pseudonym key'],
  'tenant.invalid': [422, 'Invalid tenant'],
  'tenant.not-found': [404, 'No such tenant'],
  'token.not-found': [404, 'No such token'],
  'binding-key.unreadable': [500, 'Unreadable binding key'],
  'binding-key.weak': [500, 'Weak binding key'],
  'store.unreachable': [503, 'The store cannot be reached'],
  'store.corrupt': [503, 'The store is damaged'],
  'store.locked': [503, 'The store is busy'],
  'store.invalid-url': [500, 'Invalid store URL'],
  'store.newer': [503, 'The store is of a later version'],
  'store.not-empty': [500, 'The store is not empty'],
  'store.read-only': [503, 'The store takes no changes'],
  'audit.broken': [500, 'The audit log is broken'],
  'backup.unreadable': [500, 'Unreadable backup'],
  'backup.unwritable': [500, 'The backup cannot be written'],
  'admin.unauthorised': [401, 'A valid token is required'],
  'admin.forbidden': [403, 'The role does not allow this'],
  'admin.not-found': [404, 'Not found'],
  'admin.wrong-method': [405, 'Wrong method'],
  'admin.invalid': [400, 'Invalid request'],
  'admin.too-large': [413, 'The body is too large'],
  'admin.too-many-requests': [429, 'Too many requests'],
  'admin.locked-out': [429, 'Locked out'],
  'admin.issuer-unreachable': [503, 'The identity provider cannot be reached'],
  'token.expired': [401, 'The token has expired'],
  'token.last-admin': [409, 'The last admin token'],
  'listen.in-use': [500, 'Address in use'],
  'listen.refused': [500, 'Address refused'],
  'environment.unsafe': [500, 'Unsafe environment'],
  'internal': [500, 'Internal error'],
}

/** The status under which a code is told. */
export function statusOf(code: ErrorCode): number {
  return KINDS[code][0]
}

export function titleOf(code: ErrorCode): string {
  return KINDS[code][1]
}

/** What a caller may know of an error; anything that is no SluiceError is told as `internal`, without its text. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof SluiceError)) return problem('internal', 'Something went wrong; the log of the proxy says what.')
  return problem(error.code, `${sentence(error.message)} ${sentence(error.remedy)}`.trim(), error.faults)
}

function problem(code: ErrorCode, detail: string, errors: readonly Fault[] = [], status = KINDS[code][0]): Problem {
  return { type: `urn:sluice:error:${code}`, title: KINDS[code][1], status, detail, code, errors }
}

export function handleErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => {
    const told = ofFastify(error, request) ?? problemOf(error)
    if (told.status >= 500) {
      const place = `${request.method} ${request.routeOptions.url ?? 'an unknown route'}`
      log('error', `${place} failed: ${error instanceof Error ? error.message : String(error)}`)
    }
    return sendProblem(reply, told)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]?.slice(0, 200) ?? ''
    return sendProblem(reply, problem('admin.not-found', `There is no ${path}. Check the path.`))
  })
}

function sendProblem(reply: FastifyReply, told: Problem): FastifyReply {
  // Bytes, because Fastify adds a charset to texts, which this media type does not have (RFC 9457 §6.1).
  return reply.code(told.status).header('content-type', 'application/problem+json').send(Buffer.from(JSON.stringify(told)))
}

const NOT_JSON = 'The body is not JSON. Correct it and send it again.'

/** Fastify's own refusals by its codes: ours, what is told, and the place it is about. */
const FASTIFY: Readonly<Record<string, readonly [code: ErrorCode, detail: string, path: string]>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: ['admin.invalid', 'The body is empty. Send JSON, or no Content-Type.', ''],
  FST_ERR_CTP_INVALID_JSON_BODY: ['admin.invalid', NOT_JSON, ''],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['admin.invalid', 'The body has not the length told. Send it again.', 'Content-Length'],
  FST_ERR_BAD_URL: ['admin.invalid', 'The path is not percent-encoded as it must be. Encode it as UTF-8.', ''],
  FST_ERR_MAX_PARAM_LENGTH: ['admin.invalid', 'A part of the path is too long. Tenant ids have at most 253 characters.', ''],
}

function tooLarge({ routeOptions, server }: FastifyRequest): readonly [code: ErrorCode, detail: string, path: string] {
  const limit = routeOptions.bodyLimit ?? server.initialConfig.bodyLimit ?? 0
  return ['admin.too-large', `The body is larger than ${Math.round(limit / 2 ** 20)} MiB. Send less.`, '']
}

// In our words: some of Fastify's texts quote the request.
function ofFastify(error: unknown, request: FastifyRequest): Problem | null {
  if (error instanceof SluiceError || !(error instanceof Error) || !('statusCode' in error)) return null
  const status = error.statusCode
  if (typeof status !== 'number' || status < 400 || status >= 500) return null
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const reads = (request.routeOptions.config.reads ?? ['application/json']).join(' or ')
    return problem('admin.invalid', `The Content-Type is not one that is read here. Send ${reads}.`,
      [{ path: 'Content-Type', message: `must be ${reads}` }], status)
  }
  const unread = error instanceof SyntaxError ? NOT_JSON : 'The request cannot be read. Correct it and send it again.'
  const [kind, detail, path] = code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? tooLarge(request) : FASTIFY[code] ?? ['admin.invalid', unread, '']
  return problem(kind, detail, [{ path, message: detail }], status)
}

/** For what Fastify refuses before it has found a route, and would tell in a form of its own. */
export function answerFrameworkError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  void sendProblem(reply, ofFastify(error, request) ?? problemOf(error))
}

/** For what Node cannot read as HTTP at all, or only with more header than it takes. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [line, told] = error.code === 'HPE_HEADER_OVERFLOW'
    ? ['431 Request Header Fields Too Large', problem('admin.invalid', 'The header is too large. Send fewer or shorter fields.', [], 431)]
    : ['400 Bad Request', problem('admin.invalid', 'This is not HTTP that can be read in one way only.')]
  const body = JSON.stringify(told)
  socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}
