import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { steadyNow } from '../steady-clock.ts'
import { ROLES } from '../store/store.ts'
import type { StoredToken } from '../store/store.ts'
import { Turns } from '../store/turns.ts'
import { byOf } from './actor.ts'
import { json, nothing } from './answers.ts'
import { EXPIRES_AT, EXPIRES_IN, expiryOf } from './expiry.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { CONFIGURED, LABEL_MAX, LABEL_PATTERN, isUsable, mintToken } from './tokens.ts'

const PAGE = 100
const PAGE_MAX = 1_000
const closed = { additionalProperties: false }
const tags = ['access']
const role = Type.Enum([...ROLES], { description: `one of ${ROLES.join(', ')}` })
const label = Type.String({
  minLength: 1, maxLength: LABEL_MAX, pattern: LABEL_PATTERN, description: `one line of 1 to ${LABEL_MAX} characters: whose it is, or what for`,
})

const Wanted = Type.Object({
  label, role,
  expiresIn: Type.Optional(Type.String({ pattern: EXPIRES_IN, description: 'a duration in minutes, hours or days such as 30m, 12h or 90d' })),
  expiresAt: Type.Optional(Type.String({ pattern: EXPIRES_AT, description: 'a time such as 2027-01-31T12:00:00Z' })),
}, { ...closed, description: 'an object of label, role and, if it shall end, expiresIn or expiresAt', title: 'NewToken' })
const described = {
  id: Type.String(), label: Type.String(), role, createdAt: Type.String({ description: 'ISO 8601, UTC' }),
  expiresAt: Type.Optional(Type.String({ description: 'It opens nothing from then on; absent where it lasts.' })),
}
const TokenSchema = Type.Object({
  ...described, lastUsedAt: Type.Optional(Type.String({ description: 'To the minute; absent where no use is known.' })),
}, { ...closed, title: 'Token' })
const Made = Type.Object({
  ...described,
  secret: Type.Optional(Type.String({
    description: 'What to send as bearer token. It is not kept and cannot be shown again: where this is the answer to a repeat, it is absent.',
  })),
}, { ...closed, title: 'MadeToken' })
const PageSchema = Type.Object({
  tokens: Type.Array(TokenSchema), next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'TokensPage' })
const ListQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: `a number from 1 to ${PAGE_MAX}` })),
  cursor: Type.Optional(Type.String({ pattern: '^[^/]+/.+$', maxLength: 200, description: 'what the page before gave as next' })),
}, { ...closed, description: 'limit= and cursor=, both optional' })
const Place = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100, description: 'the id of a token' }) }, { ...closed, description: 'an id' })

/** `POST /tokens`, `GET /tokens`, `DELETE /tokens/:id`: who may use this API by a token. */
export function tokensRoutes(app: AdminApp, { store, tokens, log }: AdminPorts): void {
  // One at a time, so that two that are deleted together are not each the other's reason why one is left.
  const deletions = new Turns()

  app.post('/tokens', {
    config: { role: 'admin', idempotent: { keep: ({ secret: _, ...rest }) => rest } },
    schema: {
      operationId: 'createToken', summary: 'Makes a token', tags, body: Wanted,
      response: { 201: json(Made, 'The token, with its secret this once.') },
    },
  }, async (request, reply) => {
    const { label, role, expiresIn, expiresAt } = request.body
    if (expiresIn !== undefined && expiresAt !== undefined) {
      throw new SluiceError('admin.invalid', 'The body: expiresIn and expiresAt are both there', 'Leave one of them out.',
        { faults: [{ path: 'expiresAt', message: 'must be left out where expiresIn is given' }] })
    }
    const now = new Date(steadyNow())
    const end = expiresIn !== undefined ? expiryOf(expiresIn, now.getTime(), 'expiresIn')
      : expiresAt !== undefined ? expiryOf(expiresAt, now.getTime(), 'expiresAt') : undefined
    const { secret, stored } = mintToken(role, label, now, end)
    await store.putToken(stored, byOf(request))
    log('info', `Token ${stored.id} (${role}) was made by ${JSON.stringify(byOf(request).author)}`)
    return reply.code(201).send({ ...shown(stored), secret })
  })

  app.get('/tokens', {
    config: { role: 'admin' },
    schema: {
      operationId: 'listTokens', summary: 'The tokens that there are, in pages', tags, querystring: ListQuery,
      response: { 200: json(PageSchema, 'Tokens by the time they were made, that of the configuration among them; no secrets.') },
    },
  }, async (request) => pageOf(await tokens(), request.query.cursor, Number(request.query.limit ?? PAGE)))

  app.delete('/tokens/:id', {
    config: { role: 'admin', errors: ['token.not-found', 'token.last-admin'] },
    schema: {
      operationId: 'deleteToken', summary: 'Ends a token at once', tags, params: Place,
      response: { 204: nothing('It opens nothing any more.') },
    },
  }, async (request, reply) => {
    const { id } = request.params
    await deletions.take(async () => {
      const all = await tokens()
      const token = all.find((one) => one.id === id)
      if (token === undefined || id === CONFIGURED) throw notFound(id)
      const now = steadyNow()
      const isAdmin = (one: StoredToken): boolean => one.role === 'admin' && isUsable(one, now)
      if (isAdmin(token) && !all.some((one) => one.id !== id && isAdmin(one))) {
        throw new SluiceError('token.last-admin', 'This is the last token with which anybody could make another.',
          'Make another with the role admin first.', { faults: [{ path: 'id', message: 'is the last usable admin token' }] })
      }
      if (!await store.deleteToken(id, byOf(request))) throw notFound(id)
    })
    log('info', `Token ${id} was deleted by ${JSON.stringify(byOf(request).author)}`)
    return reply.code(204).send()
  })
}

function shown({ id, label, role, createdAt, expiresAt }: StoredToken) {
  return { id, label, role, createdAt, ...expiresAt !== undefined && { expiresAt } }
}

function pageOf(all: readonly StoredToken[], cursor: string | undefined, limit: number) {
  const placed = all.map((token) => [`${token.createdAt}/${token.id}`, token] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  const rest = cursor === undefined ? placed : placed.filter(([place]) => place > cursor)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return {
    tokens: page.map(([, token]) => ({ ...shown(token), ...token.lastUsedAt !== undefined && { lastUsedAt: token.lastUsedAt } })),
    ...last !== undefined && rest.length > limit && { next: last[0] },
  }
}

function notFound(id: string): SluiceError {
  if (id === CONFIGURED) {
    return new SluiceError('token.not-found', 'The token of the configuration is not kept here.', 'Take it out of the configuration and restart.',
      { faults: [{ path: 'id', message: 'is of the configuration' }] })
  }
  return new SluiceError('token.not-found', `There is no token ${JSON.stringify(id)}.`, 'GET /v1/tokens lists those there are.',
    { faults: [{ path: 'id', message: 'is not on the list' }] })
}
