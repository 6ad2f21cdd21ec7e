import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { ACCOUNTS } from '../providers/index.ts'
import type { Account, Tenant } from '../operation.ts'
import type { Current } from '../snapshot.ts'
import { normaliseTenant, TENANT_ALIASES_MAX, TENANT_ID_MAX, TENANT_NAME_MAX, TENANT_NAME_PATTERN } from '../store/records.ts'
import { byOf } from './actor.ts'
import { json, nothing } from './answers.ts'
import { catchUp } from './catch-up.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { pageOf, PAGE, PAGE_MAX } from './tenants-page.ts'

export const account = Type.Enum([...ACCOUNTS], { description: `one of ${ACCOUNTS.join(', ')}` })
export const id = Type.String({ minLength: 1, maxLength: TENANT_ID_MAX, description: `a tenant id of up to ${TENANT_ID_MAX} characters` })
export const closed = { additionalProperties: false }
export const details = {
  name: Type.Optional(Type.String({
    maxLength: TENANT_NAME_MAX, pattern: TENANT_NAME_PATTERN,
    description: `one line of up to ${TENANT_NAME_MAX} characters`,
  })),
  aliases: Type.Optional(Type.Array(id, { maxItems: TENANT_ALIASES_MAX, description: `a list of up to ${TENANT_ALIASES_MAX} ids` })),
}

const ListQuery = Type.Object({
  account: Type.Optional(account),
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,3}|10000)$', description: `a number from 1 to ${PAGE_MAX}` })),
  cursor: Type.Optional(Type.String({ pattern: '^[a-z]+/.', maxLength: 300, description: 'what the page before gave as next' })),
}, { ...closed, description: 'account=, limit= and cursor=, all optional' })
const Place = Type.Object({ account, id }, { ...closed, description: 'an account and an id' })
const Details = Type.Object(details, { ...closed, description: 'an object of name and aliases, both optional', title: 'TenantDetails' })
export const TenantSchema = Type.Object({ account, id, ...details }, { ...closed, title: 'Tenant' })
const PageSchema = Type.Object({
  tenants: Type.Array(TenantSchema),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'TenantsPage' })
const tags = ['tenants']

/** `GET /tenants`, `GET/PUT/DELETE /tenants/:account/:id`: the allowlist. */
export function tenantsRoutes(app: AdminApp, { store, snapshot, log }: AdminPorts): void {
  app.get('/tenants', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'listTenants', summary: 'The allowlist, in pages', tags, querystring: ListQuery,
      response: { 200: json(PageSchema, 'Tenants by account, then by id.') },
    },
  }, async (request) => {
    await catchUp(snapshot, log)
    const { account: only, limit, cursor } = request.query
    return pageOf(snapshot.current().allowlist, { only, cursor, limit: limit === undefined ? PAGE : Number(limit) })
  })

  app.get('/tenants/:account/:id', {
    config: { role: 'viewer', errors: ['tenant.not-found'] },
    schema: {
      operationId: 'getTenant', summary: 'One tenant', tags, params: Place, response: { 200: json(TenantSchema, 'The tenant.') },
    },
  }, async (request) => {
    await catchUp(snapshot, log)
    return found(snapshot.current(), request.params)
  })

  app.put('/tenants/:account/:id', {
    config: { role: 'editor', errors: ['tenant.invalid'] },
    schema: {
      operationId: 'putTenant', summary: 'Adds a tenant, or replaces what is known of it', tags, params: Place, body: Details,
      response: { 200: json(TenantSchema, 'The tenant as it was stored.') },
    },
  }, async (request) => {
    const { params, body } = request
    const tenant = normaliseTenant({
      ...params,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.aliases === undefined ? {} : { aliases: body.aliases }),
    })
    await store.putTenant(tenant, byOf(request))
    log('info', `Tenant ${params.account} ${params.id.toLowerCase()} was stored by ${JSON.stringify(byOf(request).author)}`)
    await catchUp(snapshot, log)
    return tenant
  })

  app.delete('/tenants/:account/:id', {
    config: { role: 'editor', errors: ['tenant.not-found'] },
    schema: {
      operationId: 'deleteTenant', summary: 'Takes a tenant off the allowlist', tags, params: Place,
      response: { 204: nothing('It is gone.') },
    },
  }, async (request, reply) => {
    const { params } = request
    if (!await store.deleteTenant(params.account, params.id, byOf(request))) throw notFound(params)
    log('info', `Tenant ${params.account} ${params.id.toLowerCase()} was deleted by ${JSON.stringify(byOf(request).author)}`)
    await catchUp(snapshot, log)
    return reply.code(204).send()
  })
}

interface Place {
  account: Account
  id: string
}

function found({ tenants }: Current, place: Place): Tenant {
  // An id wins over aliases and wildcards, so that what is found under it is its tenant, or there is none of that id.
  const tenant = tenants.has(place.account, place.id)
  if (tenant?.id !== place.id.toLowerCase()) throw notFound(place)
  return tenant
}

function notFound({ account, id }: Place): SluiceError {
  return new SluiceError('tenant.not-found', `There is no tenant ${JSON.stringify(id.toLowerCase())} of ${account}.`,
    'GET /v1/tenants lists those there are.', { faults: [{ path: 'id', message: 'is not on the list' }] })
}
