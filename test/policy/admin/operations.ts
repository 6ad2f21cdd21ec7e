/**
 * Every operation of `/openapi.json`: who may ask it, a request that succeeds, and one for each error that it may answer beside
 * those of every route. `contract.test.ts` goes through it and fails where an operation, or an error that one declares, is missing.
 */
import { currentControls } from '../../../policy/snapshot.ts'
import type { ControlsPlace } from '../../../policy/store/change-controls.ts'
import { ask, decline, grant } from '../../../policy/store/change-exceptions.ts'
import type { ErrorCode } from '../../../policy/errors.ts'
import type { Role, Store } from '../../../policy/store/store.ts'
import { BY, policyOf } from '../store/contract.ts'
import type { Admin } from './harness.ts'

/** A request of an operation, in words of the document. */
export interface Call {
  /** Path and query. */
  readonly params?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON where it is no text. */
  readonly body?: unknown
}

/** It may make ready first what the call is about. */
type Asked = Call | ((admin: Admin) => Promise<Call>)

export interface Operation {
  /** The least role; null where no token is asked for. */
  readonly role: Role | null
  readonly call: Asked
  readonly status: number
  readonly errors?: Readonly<Partial<Record<ErrorCode, Asked>>>
}

const TENANT = { account: 'google', id: 'own.example' }
const SEEN = { 'If-Match': '"1"' }
const TWINS = { ...policyOf('x'), rules: ['a', 'a'].map((id) => ({ id, action: 'log' })) }

async function withTenant({ store }: Admin): Promise<Call> {
  await store.putTenant({ account: 'google', id: 'own.example' }, BY)
  return { params: TENANT }
}

async function idOf(store: Store, role: Role): Promise<string> {
  return (await store.tokens()).find((token) => token.role === role)?.id ?? ''
}

const FIRST = { params: { n: '1' } }
const NONE = { params: { n: '9' } }
const ANY = { 'If-Match': '*' }
const ODD = { 'If-Match': '"odd"' }
/** The rule of the policy that the harness starts with. */
const RULE = { id: 'one' }
const NO_RULE = { id: 'nobody' }
/** As many as may follow the events at once with the token that errors are asked for with; they end with the app. */
async function withListeners({ app, secrets }: Admin): Promise<Call> {
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  for (let i = 0; i < 4; i++) {
    const { status } = await fetch(`http://127.0.0.1:${port}/v1/events/stream?rule=wait`, { headers: { authorization: `Bearer ${secrets.admin}` } })
    if (status !== 200) throw new Error(`listener ${i} was answered ${status}`)
  }
  return {}
}

/** All searches that one token may have are under way. */
async function withSearches({ app, secrets }: Admin): Promise<Call> {
  const search = (id: string) => app.inject({ url: `/v1/events/${id}`, headers: { authorization: `Bearer ${secrets.admin}` } })
  do search('wait').catch(() => undefined)
  while ((await search('an-event')).statusCode === 200)
  return {}
}

const GIVEN = { rule: 'coached', user: 'alice', for: '2h', reason: 'A customer needs it.' }
const NO_EXCEPTION = { params: { id: 'none' } }

const placeOf = ({ store, snapshot }: Admin): ControlsPlace => ({ store, read: currentControls(snapshot) })

let asked = 0

async function withAsked(admin: Admin): Promise<{ params: { id: string } }> {
  const { id } = await ask(placeOf(admin), { rule: 'coached', provider: 'box', user: `user-${++asked}`, reason: 'Why not?', event: 'e' }, BY)
  return { params: { id } }
}

async function withDeclined(admin: Admin): Promise<{ params: { id: string } }> {
  const call = await withAsked(admin)
  await decline(placeOf(admin), call.params.id, undefined, BY)
  return call
}

/** A rule that exceptions are made from, and what is asked after it was asked `before` times. */
function withCoach(body: unknown, times = 1): (admin: Admin) => Promise<Call> {
  return async (admin) => {
    const { policy, revision } = (await admin.store.load()).policy ?? { policy: policyOf('x'), revision: 0 }
    const rules = [{ id: 'coached', enabled: true, mode: 'enforce' as const, when: {}, action: 'block' as const, coach: true }]
    await admin.store.putPolicy({ ...policy, rules }, { ...BY, expected: revision })
    for (let i = 1; i < times; i++) await admin.send('editor', { method: 'POST', url: '/v1/exceptions', payload: body as object })
    return { body }
  }
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  getHealth: { role: null, call: {}, status: 200 },
  getReadiness: { role: null, call: {}, status: 200 },
  getMetrics: { role: null, call: {}, status: 200 },
  getOpenapi: { role: null, call: {}, status: 200 },

  getPolicy: { role: 'viewer', call: {}, status: 200 },
  putPolicy: {
    role: 'editor', call: { headers: SEEN, body: policyOf('second') }, status: 200,
    errors: {
      'policy.invalid': { headers: SEEN, body: {} },
      'policy.duplicate-rule': { headers: SEEN, body: TWINS },
      'policy.stale': { headers: { 'If-Match': '"7"' }, body: policyOf('late') },
      'policy.precondition-required': { body: policyOf('unseen') },
    },
  },
  validatePolicy: { role: 'viewer', call: { body: policyOf('x') }, status: 200 },

  listRevisions: { role: 'viewer', call: { params: { limit: '1' } }, status: 200 },
  getRevision: { role: 'viewer', call: FIRST, status: 200, errors: { 'revision.not-found': NONE } },
  diffRevision: {
    role: 'viewer', status: 200, errors: { 'revision.not-found': { params: { n: '1', against: '9' } } },
    call: { params: { n: '1', against: '1' } },
  },
  restoreRevision: {
    role: 'editor', call: { ...FIRST, headers: SEEN }, status: 200,
    errors: {
      'revision.not-found': { ...NONE, headers: SEEN }, 'policy.precondition-required': FIRST,
      'policy.stale': { ...FIRST, headers: { 'If-Match': '"7"' } },
      'policy.invalid': async ({ store }) => {
        await store.putPolicy(JSON.parse('{"default":"maybe","rules":[]}'), { ...BY, expected: 1 })
        return { params: { n: '2' }, headers: { 'If-Match': '"2"' } }
      },
    },
  },

  listRules: { role: 'viewer', call: { params: { limit: '1' } }, status: 200 },
  createRule: {
    role: 'editor', call: { params: { to: '1' }, body: { id: 'new', action: 'log' } }, status: 201,
    errors: {
      'policy.invalid': { body: { id: 'new', action: 'lgo' } },
      'policy.duplicate-rule': { body: { ...RULE, action: 'log' } },
      'rule.not-found': { params: { before: 'nobody' }, body: { id: 'newer', action: 'log' } },
    },
  },
  getRule: { role: 'viewer', call: { params: RULE }, status: 200, errors: { 'rule.not-found': { params: NO_RULE } } },
  patchRule: {
    role: 'editor', call: { params: RULE, headers: ANY, body: { action: 'log' } }, status: 200,
    errors: {
      'rule.not-found': { params: NO_RULE, headers: ANY, body: {} },
      'rule.stale': { params: RULE, headers: ODD, body: {} },
      'policy.precondition-required': { params: RULE, body: {} },
      'policy.invalid': { params: RULE, headers: ANY, body: { action: 'lgo' } },
      'policy.duplicate-rule': async ({ store }) => {
        const rules = ['one', 'two'].flatMap((id) => policyOf(id).rules.map((rule) => ({ ...rule, id })))
        await store.putPolicy({ ...policyOf('x'), rules }, { ...BY, expected: 1 })
        return { params: RULE, headers: ANY, body: { id: 'two' } }
      },
    },
  },
  deleteRule: {
    role: 'editor', call: { params: RULE, headers: ANY }, status: 204,
    errors: {
      'rule.not-found': { params: NO_RULE, headers: ANY }, 'rule.stale': { params: RULE, headers: ODD },
      'policy.precondition-required': { params: RULE },
    },
  },
  moveRule: {
    role: 'editor', call: { params: RULE, headers: ANY, body: { to: 1 } }, status: 200,
    errors: {
      'rule.not-found': { params: NO_RULE, headers: ANY, body: { to: 1 } }, 'rule.stale': { params: RULE, headers: ODD, body: { to: 1 } },
      'policy.precondition-required': { params: RULE, body: { to: 1 } },
    },
  },

  getBreakGlass: { role: 'viewer', call: {}, status: 200 },
  putBreakGlass: {
    role: 'admin', call: { body: { reason: 'Everything is refused.' } }, status: 200,
    errors: { 'break-glass.invalid': { body: { reason: 'x', for: '25h' } } },
  },
  deleteBreakGlass: { role: 'admin', call: {}, status: 204 },
  listExceptions: { role: 'viewer', call: { params: { state: 'asked', limit: '1' } }, status: 200 },
  getException: { role: 'viewer', call: withAsked, status: 200, errors: { 'exception.not-found': NO_EXCEPTION } },
  giveException: {
    role: 'editor', call: withCoach({ ...GIVEN, provider: 'box' }), status: 201,
    errors: { 'exception.invalid': withCoach({ ...GIVEN, user: undefined }), 'exception.conflict': withCoach(GIVEN, 2) },
  },
  grantException: {
    role: 'editor', call: async (admin) => ({ ...await withAsked(admin), body: { for: '2h' } }), status: 200,
    errors: {
      'exception.not-found': { ...NO_EXCEPTION, body: { for: '2h' } },
      'exception.invalid': async (admin) => ({ ...await withAsked(admin), body: { for: '31d' } }),
      'exception.conflict': async (admin) => ({ ...await withDeclined(admin), body: { for: '2h' } }),
    },
  },
  declineException: {
    role: 'editor', call: async (admin) => ({ ...await withAsked(admin), body: { comment: 'No need.' } }), status: 200,
    errors: {
      'exception.not-found': { ...NO_EXCEPTION, body: {} }, 'exception.conflict': async (admin) => ({ ...await withDeclined(admin), body: {} }),
    },
  },
  revokeException: {
    role: 'editor', call: async (admin) => {
      const call = await withAsked(admin)
      await grant(placeOf(admin), call.params.id, { forMs: 60_000 }, BY)
      return { ...call, body: {} }
    }, status: 200,
    errors: {
      'exception.not-found': { ...NO_EXCEPTION, body: {} }, 'exception.conflict': async (admin) => ({ ...await withDeclined(admin), body: {} }),
    },
  },

  listTenants: { role: 'viewer', call: { params: { account: 'google', limit: '1' } }, status: 200 },
  getTenant: { role: 'viewer', call: withTenant, status: 200, errors: { 'tenant.not-found': { params: TENANT } } },
  putTenant: {
    role: 'editor', call: { params: TENANT, body: { name: 'Own' } }, status: 200,
    errors: { 'tenant.invalid': { params: { account: 'google', id: 'a b' }, body: {} }, 'tenant.stale': { params: TENANT, headers: ODD, body: {} } },
  },
  deleteTenant: {
    role: 'editor', call: withTenant, status: 204,
    errors: { 'tenant.not-found': { params: TENANT }, 'tenant.stale': { params: TENANT, headers: ODD } },
  },
  importTenants: {
    role: 'editor', call: { body: [TENANT] }, status: 200,
    errors: { 'tenant.invalid': { body: [{ account: 'google', id: 'a b' }] } },
  },

  explainDecision: { role: 'viewer', call: { body: { method: 'GET', url: 'https://x.example/', headers: [] } }, status: 200 },
  listEvents: { role: 'viewer', call: { params: { since: '24h', until: '2026-11-30', action: 'block', user: 'Ada', limit: '1000' } }, status: 200, errors: { 'events.busy': withSearches } },
  eraseEvents: { role: 'admin', call: { params: { user: 'Ada' } }, status: 200 },
  getEvent: {
    role: 'viewer', call: { params: { id: 'an-event' } }, status: 200,
    errors: {
      'event.not-found': { params: { id: 'none' } },
      'events.busy': async (admin) => ({ ...await withSearches(admin), params: { id: 'an-event' } }),
    },
  },
  simulatePolicy: {
    role: 'viewer', call: { body: { policy: policyOf('draft'), since: '30d', limit: 5, against: 'recorded' } }, status: 200,
    errors: {
      'policy.invalid': { body: { policy: {} } }, 'policy.duplicate-rule': { body: { policy: TWINS } },
      'simulate.busy': { body: { policy: policyOf('busy') } },
    },
  },
  followEvents: {
    role: 'viewer', call: { headers: { 'Last-Event-ID': '7' } }, status: 200,
    errors: { 'events.busy': withListeners },
  },
  createToken: { role: 'admin', call: { body: { label: 'ci', role: 'viewer', expiresIn: '90d' } }, status: 201 },
  listTokens: { role: 'admin', call: { params: { limit: '2' } }, status: 200 },
  deleteToken: {
    role: 'admin', call: async ({ store }) => ({ params: { id: await idOf(store, 'telemetry') } }), status: 204,
    errors: {
      'token.not-found': { params: { id: 'nobody' } },
      'token.last-admin': async ({ store }) => ({ params: { id: await idOf(store, 'admin') } }),
    },
  },
  listAudit: { role: 'admin', call: { params: { limit: '2', action: 'token.create' } }, status: 200 },
  whoami: { role: 'viewer', call: {}, status: 200 },

  getUsage: { role: 'viewer', call: { params: { by: 'user', over: '24h' } }, status: 200 },
}

export async function callOf(asked: Asked, admin: Admin): Promise<Call> {
  return typeof asked === 'function' ? asked(admin) : asked
}
