import type { FastifySchema, RouteOptions } from 'fastify'
import type {} from '@fastify/swagger'
import Type from 'typebox'
import type { TSchema } from 'typebox'
import type { ErrorCode } from '../errors.ts'
import { problems } from './answers.ts'
import type {} from './idempotency.ts'
import type { AdminApp } from './ports.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The errors that the route may answer beside those of every route. */
    errors?: readonly ErrorCode[]
    /** Header fields that count here, and what they mean; the route reads them itself. */
    headers?: Readonly<Record<string, string>>
    /** The body by media type, where the route checks it itself. */
    body?: Readonly<Record<string, TSchema>>
  }
}

/** What `/v1` may answer to anything: the token is looked up in the store, and every part of a request is checked. */
export const V1_ERRORS: readonly ErrorCode[] = [
  'admin.invalid', 'admin.unauthorised', 'admin.forbidden', 'token.expired', 'admin.too-many-requests',
  'admin.locked-out', 'admin.issuer-unreachable', 'store.unreachable', 'store.corrupt', 'store.locked', 'store.read-only', 'internal',
]

/** A body that is sent with these is read, also where none is wanted. */
const BODIES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Gives each route that is added to `app` from here on the problems that it may answer, `common` ones among them. Throws where
 * a route is not told: it needs operationId, summary, tags and what it answers (or `hide`).
 */
export function documentErrors(app: AdminApp, common: readonly ErrorCode[]): void {
  app.addHook('onRoute', (route) => {
    if (route.schema?.hide === true) return
    const { operationId, summary, tags, response } = route.schema ?? {}
    if (operationId === undefined || summary === undefined || tags === undefined || typeof response !== 'object' || response === null) {
      throw new TypeError(`${String(route.method)} ${route.url} is not documented: see "Adding a route" in policy/admin/README.md.`)
    }
    const answers = route.config?.idempotent === undefined ? response : withReplays(response)
    route.schema = { ...route.schema, response: { ...answers, ...problems(...errorsOf(route, common)) } }
  })
}

function errorsOf({ method, config }: RouteOptions, common: readonly ErrorCode[]): [ErrorCode[], boolean] {
  const takesBody = [method].flat().some((name) => BODIES.has(name))
  const idempotent: readonly ErrorCode[] = config?.idempotent === undefined ? [] : ['idempotency.mismatch', 'idempotency.running']
  return [[...common, ...takesBody ? ['admin.too-large'] as const : [], ...idempotent, ...config?.errors ?? []], takesBody]
}

const KEY = 'Up to 255 visible ASCII characters, a UUID say: the request, sent again within 24 hours with the same key, is carried out once.'
const REPLAYED = Type.String({ description: 'true where this is the answer to the first request with the key.' })

/** What is answered to a creation may have been answered before. */
function withReplays(response: object): object {
  return Object.fromEntries(Object.entries(response).map(([status, answer]) => [status, {
    ...answer, headers: { ...answer.headers, 'Idempotency-Replayed': REPLAYED },
  }]))
}

/** The schema of a route as `/openapi.json` tells it: with the role, the header fields and the body that the route reads itself. */
export function told({ schema, config }: RouteOptions): FastifySchema {
  const { role = 'admin', reads, body, idempotent } = config ?? {}
  const headers = { ...config?.headers, ...idempotent !== undefined && { 'Idempotency-Key': KEY } }
  const isOpen = schema?.security?.length === 0
  return {
    ...schema,
    ...!isOpen && { 'x-role': role, description: `${schema?.description ?? schema?.summary ?? ''}\n\nNeeds the role \`${role}\`.` },
    ...Object.keys(headers).length > 0 && { headers: headerFields(headers, schema) },
    ...reads !== undefined && { consumes: reads },
    ...body !== undefined && {
      body: { content: Object.fromEntries(Object.entries(body).map(([type, one]) => [type, { schema: one }])) },
    },
  }
}

/** If-Match is asked for by whoever answers 428 without it (RFC 6585 §3). */
function headerFields(headers: Readonly<Record<string, string>>, schema: FastifySchema | undefined): object {
  const { response } = schema ?? {}
  const needsMatch = typeof response === 'object' && response !== null && '428' in response
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, { type: 'string', description }])),
    ...needsMatch && { required: ['If-Match'] },
  }
}
