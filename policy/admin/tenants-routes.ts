import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { ACCOUNTS } from '../providers/index.ts'
import type { Tenant } from '../operation.ts'
import type { Current } from '../snapshot.ts'
import { normaliseTenant, TENANT_ALIASES_MAX, TENANT_ID_MAX, TENANT_NAME_MAX, TENANT_NAME_PATTERN } from '../store/records.ts'
import { byOf } from './actor.ts'
import { ETAG, json, nothing } from './answers.ts'
import { catchUp } from './catch-up.ts'
import { changeTenant, tenantTag } from './change-tenant.ts'
import type { Place } from './change-tenant.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { notModified } from './preconditions.ts'
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
const PlaceSchema = Type.Object({ account, id }, { ...closed, description: 'an account and an id' })
const Details = Type.Object(details, { ...closed, description: 'an object of name and aliases, both optional', title: 'TenantDetails' })
export const TenantSchema = Type.Object({ account, id, ...details }, { ...closed, title: 'Tenant' })
const PageSchema = Type.Object({
  tenants: Type.Array(TenantSchema),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'TenantsPage' })
const tags = ['tenants']
const IF_MATCH = { 'If-Match': 'The ETag of the tenant as it was read: 412 where it is another.' }

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
    config: { role: 'viewer', errors: ['tenant.not-found'], headers: { 'If-None-Match': 'ETags that are known already.' } },
    schema: {
      operationId: 'getTenant', summary: 'One tenant', tags, params: PlaceSchema,
      response: { 200: json(TenantSchema, 'The tenant.', { headers: ETAG }), 304: nothing('It is as it is known.') },
    },
  }, async (request, reply) => {
    await catchUp(snapshot, log)
    const tenant = found(snapshot.current(), request.params)
    return notModified(request, reply, tenantTag(tenant)) ? reply.send(undefined) : tenant
  })

  app.put('/tenants/:account/:id', {
    config: {
      role: 'editor', errors: ['tenant.invalid', 'tenant.stale'], headers: { ...IF_MATCH, 'If-None-Match': '*: only where there is none yet.' },
    },
    schema: {
      operationId: 'putTenant', summary: 'Adds a tenant, or replaces what is known of it', tags, params: PlaceSchema, body: Details,
      response: { 200: json(TenantSchema, 'The tenant as it was stored.', { headers: ETAG }) },
    },
  }, async (request, reply) => {
    const { params, body } = request
    const tenant = normaliseTenant({
      ...params,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.aliases === undefined ? {} : { aliases: body.aliases }),
    })
    const by = byOf(request)
    await changeTenant(store, request, params, (version) => store.putTenants([tenant], by, version))
    log('info', `Tenant ${params.account} ${params.id.toLowerCase()} was stored by ${JSON.stringify(byOf(request).author)}`)
    await catchUp(snapshot, log)
    return reply.header('etag', tenantTag(tenant)).send(tenant)
  })

  app.delete('/tenants/:account/:id', {
    config: { role: 'editor', errors: ['tenant.not-found', 'tenant.stale'], headers: IF_MATCH },
    schema: {
      operationId: 'deleteTenant', summary: 'Takes a tenant off the allowlist', tags, params: PlaceSchema,
      response: { 204: nothing('It is gone.') },
    },
  }, async (request, reply) => {
    const { params } = request
    const by = byOf(request)
    const isGone = await changeTenant(store, request, params, (version) => store.deleteTenant(params.account, params.id, by, version))
    if (!isGone) throw notFound(params)
    log('info', `Tenant ${params.account} ${params.id.toLowerCase()} was deleted by ${JSON.stringify(byOf(request).author)}`)
    await catchUp(snapshot, log)
    return reply.code(204).send()
  })
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
