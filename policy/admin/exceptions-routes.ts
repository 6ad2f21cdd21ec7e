import type { FastifyRequest } from 'fastify'
import ipaddr from 'ipaddr.js'
import Type from 'typebox'
import { parseDuration } from '../duration.ts'
import { SluiceError } from '../errors.ts'
import { noException } from '../exception-list.ts'
import { CUSTOM_ID } from '../operation.ts'
import { nameFault } from '../people/person.ts'
import { PROVIDERS } from '../providers/index.ts'
import { currentControls } from '../snapshot.ts'
import { decline, give, grant, revoke } from '../store/change-exceptions.ts'
import type { ControlsPlace } from '../store/change-controls.ts'
import type { Exception } from '../store/store.ts'
import { byOf } from './actor.ts'
import { json } from './answers.ts'
import { catchUp } from './catch-up.ts'
import type { AdminApp, AdminPorts } from './ports.ts'

/** How many exceptions a page holds where nothing is said, and at most. */
const PAGE = 100
const PAGE_MAX = 1_000

const STATES = ['asked', 'granted', 'declined', 'revoked'] as const
const closed = { additionalProperties: false }
const tags = ['exceptions']
const line = (maxLength: number) => ({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$' })
const time = Type.String({ pattern: '^[0-9]{1,9}(s|m|h|d)$', description: 'how long it lasts: 30m, 2h or 7d, at most 30d' })
const comment = Type.Optional(Type.String({ ...line(500), description: 'one line of up to 500 characters' }))
const provider = Type.Union([Type.Enum([...PROVIDERS]), Type.String({ pattern: CUSTOM_ID })], { description: 'a provider' })
const rule = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'the id of a rule with coach: true' })

const Id = Type.Object({
  id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', description: 'an id of up to 64 letters, digits, hyphens and underscores' }),
}, { ...closed, description: 'an id' })
const ListQuery = Type.Object({
  state: Type.Optional(Type.Enum([...STATES], { description: `one of ${STATES.join(', ')}` })),
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: `a number from 1 to ${PAGE_MAX}` })),
  cursor: Type.Optional(Type.String({ pattern: '^.{24} .{1,64}$', description: 'what the page before gave as next' })),
}, { ...closed, description: 'state=, limit= and cursor=, all optional' })
const Given = Type.Object({
  rule,
  provider: Type.Optional(provider),
  user: Type.Optional(Type.String({ ...line(256), description: 'a user name of up to 256 characters' })),
  ip: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'the address of whoever has no known user name' })),
  for: time,
  reason: Type.String({ ...line(500), description: 'one line of up to 500 characters' }),
}, { ...closed, description: 'an object of rule, user or ip, for, reason and, if wanted, provider', title: 'ExceptionGiven' })
const Grant = Type.Object({ for: time, comment }, { ...closed, description: 'an object of for and, if wanted, comment', title: 'ExceptionGrant' })
const Comment = Type.Object({ comment }, { ...closed, description: 'an object of comment, optional', title: 'ExceptionComment' })
const ExceptionSchema = Type.Object({
  id: Type.String(),
  state: Type.Enum([...STATES], { description: 'A granted one counts until its time has come.' }),
  rule: Type.String(),
  provider: Type.Union([Type.String(), Type.Null()], { description: 'null: whatever the provider' }),
  user: Type.Optional(Type.String()),
  ip: Type.Optional(Type.String({ description: 'where no user is known' })),
  reason: Type.String(),
  event: Type.String({ description: 'the refusal after which it was asked for; empty where nobody asked' }),
  askedAt: Type.String(),
  decidedAt: Type.Optional(Type.String()),
  decidedBy: Type.Optional(Type.String()),
  until: Type.Optional(Type.String()),
  comment: Type.Optional(Type.String()),
}, { ...closed, title: 'Exception' })
const Page = Type.Object({
  exceptions: Type.Array(ExceptionSchema),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'ExceptionsPage' })

/** `GET/POST /exceptions`, `GET /exceptions/:id`, `POST /exceptions/:id/grant|decline|revoke`. */
export function exceptionsRoutes(app: AdminApp, { store, snapshot, events, log }: AdminPorts): void {
  const place: ControlsPlace = { store, read: currentControls(snapshot) }
  const told = async (exception: Exception, what: string, author: string): Promise<Exception> => {
    log('info', `Exception ${exception.id} from rule ${exception.rule} was ${what} by ${JSON.stringify(author)}`)
    await catchUp(snapshot, log)
    return exception
  }

  /**
   * Where events tell pseudonyms, whoever decides nothing is told no other name: the exception's id stands in the events that it let
   * pass, and would tell whose they are.
   */
  const shown = ({ actor }: FastifyRequest, exception: Exception): Exception => {
    const { user, ip: _, ...rest } = exception
    const [, pseudonym] = events.namesOf(user ?? '', true)
    if (actor?.role !== 'viewer' || pseudonym === undefined) return exception
    return user === undefined ? rest : { ...rest, user: pseudonym }
  }

  app.get('/exceptions', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'listExceptions', summary: 'Exceptions that were asked for or granted, the newest first', tags, querystring: ListQuery,
      response: { 200: json(Page, 'Exceptions, the newest first.') },
    },
  }, async (request) => {
    await catchUp(snapshot, log)
    const { state, limit, cursor } = request.query
    const page = pageOf(snapshot.current().controls.exceptions, { state, cursor, limit: limit === undefined ? PAGE : Number(limit) })
    return { ...page, exceptions: page.exceptions.map(one => shown(request, one)) }
  })

  app.post('/exceptions', {
    config: { role: 'editor', idempotent: true, errors: ['exception.invalid', 'exception.conflict'] },
    schema: {
      operationId: 'giveException', summary: 'Grants an exception that nobody has asked for', tags, body: Given,
      response: { 201: json(ExceptionSchema, 'The exception, granted.', { headers: { Location: 'Where it can be read.' } }) },
    },
  }, async (request, reply) => {
    await catchUp(snapshot, log)
    const { rule, provider = null, user, ip, reason } = request.body
    if (snapshot.current().source.rules.find(({ id }) => id === rule)?.coach !== true) {
      throw invalid('rule', 'must be the id of a rule with coach: true', 'No rule of this id allows exceptions.')
    }
    const by = byOf(request)
    const wish = { rule, provider, ...whomOf(user, ip), reason, event: '' }
    const given = await give(place, wish, { forMs: parseDuration(request.body.for) }, by)
    reply.code(201).header('location', `/v1/exceptions/${given.id}`)
    return told(given, 'granted', by.author)
  })

  app.get('/exceptions/:id', {
    config: { role: 'viewer', errors: ['exception.not-found'] },
    schema: {
      operationId: 'getException', summary: 'One exception', tags, params: Id, response: { 200: json(ExceptionSchema, 'The exception.') },
    },
  }, async (request) => {
    await catchUp(snapshot, log)
    const { id } = request.params
    const found = snapshot.current().controls.exceptions.find(one => one.id === id)
    if (found === undefined) throw noException(id)
    return shown(request, found)
  })

  app.post('/exceptions/:id/grant', {
    config: { role: 'editor', errors: ['exception.not-found', 'exception.conflict', 'exception.invalid'] },
    schema: {
      operationId: 'grantException', summary: 'Grants what was asked for, for a time', tags, params: Id, body: Grant,
      response: { 200: json(ExceptionSchema, 'The exception, granted.') },
    },
  }, async (request) => {
    const by = byOf(request)
    const { for: time, comment } = request.body
    return told(await grant(place, request.params.id, { forMs: parseDuration(time), comment }, by), 'granted', by.author)
  })

  const deciding = [
    ['decline', decline, 'declineException', 'Declines what was asked for', 'declined'],
    ['revoke', revoke, 'revokeException', 'Ends an exception before its time', 'revoked'],
  ] as const
  for (const [verb, decide, operationId, summary, state] of deciding) {
    app.post(`/exceptions/:id/${verb}`, {
      config: { role: 'editor', errors: ['exception.not-found', 'exception.conflict'] },
      schema: {
        operationId, summary, tags, params: Id, body: Comment, response: { 200: json(ExceptionSchema, `The exception, ${state}.`) },
      },
    }, async (request) => {
      const by = byOf(request)
      return told(await decide(place, request.params.id, request.body.comment, by), state, by.author)
    })
  }
}

interface PageOptions {
  readonly state: Exception['state'] | undefined
  readonly cursor: string | undefined
  readonly limit: number
}

/** Times in ISO 8601 sort as texts; a list that changes between two pages leaves out and repeats nothing that stays. */
function pageOf(all: readonly Exception[], { state, cursor, limit }: PageOptions): { exceptions: Exception[]; next?: string } {
  const sorted = all.filter(one => (state === undefined || one.state === state) && (cursor === undefined || placeOf(one) < cursor))
    .sort((a, b) => placeOf(a) < placeOf(b) ? 1 : -1)
  const exceptions = sorted.slice(0, limit)
  const last = exceptions.at(-1)
  return last === undefined || sorted.length <= limit ? { exceptions } : { exceptions, next: placeOf(last) }
}

function placeOf({ askedAt, id }: Exception): string {
  return `${askedAt} ${id}`
}

/** A user or an address, and not both. */
function whomOf(user: string | undefined, ip: string | undefined): { user: string } | { ip: string } {
  if ((user === undefined) === (ip === undefined)) throw invalid('user', 'must be there, or ip, and not both', 'It is not told whom the exception is for.')
  if (user !== undefined) {
    const fault = nameFault(user)
    if (fault !== null) throw invalid('user', fault, 'The name is none of a user.')
    return { user }
  }
  if (ip === undefined || !ipaddr.isValid(ip)) throw invalid('ip', 'must be an IPv4 or IPv6 address', 'The address is none.')
  return { ip: canonical(ip) }
}

/** As clients' addresses are written: RFC 5952, and IPv4 as such. */
function canonical(ip: string): string {
  const address = ipaddr.process(ip)
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

function invalid(path: string, message: string, said: string): SluiceError {
  return new SluiceError('exception.invalid', said, 'Correct the named place and send it again.', { faults: [{ path, message }] })
}
