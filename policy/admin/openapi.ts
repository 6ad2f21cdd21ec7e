import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Type from 'typebox'
import { json } from './answers.ts'
import { nameSchemas, referToNamed } from './components.ts'
import { told } from './document.ts'
import type { AdminApp } from './ports.ts'

const TAGS = [
  { name: 'policy', description: 'The policy as a whole, and its revisions' },
  { name: 'rules', description: 'The rules of the policy, one at a time' },
  { name: 'tenants', description: 'The allowlist of own tenants' },
  { name: 'exceptions', description: 'Exceptions that people ask for, and the break-glass switch' },
  { name: 'decisions', description: 'What the proxy would decide, and what a draft would change' },
  { name: 'events', description: 'What was decided' },
  { name: 'usage', description: 'Who uploaded how much' },
  { name: 'access', description: 'Tokens and the audit' },
  { name: 'health', description: 'For load balancers and monitoring' },
]

/** The page loads nothing from elsewhere and talks to this server only. The hash is of the one style that Swagger UI writes itself. */
const CSP = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; " +
  "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Collects the routes that are added to `app` from here on for `/openapi.json` and `/docs`. */
export function collectRoutes(app: AdminApp, version: string): void {
  const found = new Map<string, unknown>()
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice', version,
        description: 'The admin API of Sluice, a forward web proxy that recognises uploads to cloud storage and allows, logs or blocks them by policy.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: TAGS,
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An admin token, or a token of the identity provider that admin.oidc names.' } } },
      security: [{ bearer: [] }],
    },
    convertConstToEnum: false,
    transform: ({ route, url }) => ({ schema: schemasOf({ ...told(route) }, found), url }),
    transformObject: (whole) => 'openapiObject' in whole ? referToNamed({ ...whole.openapiObject }, found) : {},
  })
}

const PARTS: readonly string[] = ['body', 'querystring', 'params', 'headers', 'response']

function schemasOf(schema: Readonly<Record<string, unknown>>, found: Map<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, PARTS.includes(key) ? nameSchemas(value, found) : value]))
}

/** `GET /openapi.json`: this API as OpenAPI 3.1. It needs no token: it tells no secret. */
export function openapiRoute(app: AdminApp): void {
  let text: string | undefined
  app.get('/openapi.json', {
    schema: {
      operationId: 'getOpenapi', summary: 'This document', tags: ['health'], security: [],
      response: { 200: json(Type.Unsafe<object | string>(Type.Object({ openapi: Type.String() })), 'OpenAPI 3.1') },
    },
  }, async (_request, reply) => {
    text ??= JSON.stringify(app.swagger())
    return reply.header('content-type', 'application/json; charset=utf-8').send(text)
  })
}

/** `/docs`: the same as a page, in which requests can be tried with a token. */
export function docsPage(app: AdminApp): void {
  app.register(swaggerUi, { routePrefix: '/docs', staticCSP: CSP })
}
