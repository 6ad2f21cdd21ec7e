import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { auditRoutes } from './audit-routes.ts'
import { authenticate } from './auth.ts'
import { sharedBy } from './actor.ts'
import { breakGlassRoutes } from './break-glass-routes.ts'
import { consoleRoutes } from './console-routes.ts'
import { decisionsRoutes } from './decisions-routes.ts'
import { documentErrors, V1_ERRORS } from './document.ts'
import { ignoreTypeOfNothing } from './empty-body.ts'
import { answerFrameworkError, answerUnreadable, handleErrors } from './errors.ts'
import { eventsRoutes } from './events-routes.ts'
import { eventsStream } from './events-stream.ts'
import { exceptionsRoutes } from './exceptions-routes.ts'
import { healthRoutes } from './health.ts'
import { honourKeys } from './idempotency.ts'
import { limitCallers } from './limits.ts'
import { collectMethods, refuseOtherMethods } from './methods.ts'
import { refuseQueries } from './queries.ts'
import { policyRoutes } from './policy-routes.ts'
import { collectRoutes, docsPage, openapiRoute } from './openapi.ts'
import type { AdminPorts, AdminTypes } from './ports.ts'
import { revisionsRoutes } from './revisions-routes.ts'
import { rulesRoutes } from './rules-routes.ts'
import { simulateRoutes } from './simulate-routes.ts'
import { tenantsImport } from './tenants-import.ts'
import { tenantsRoutes } from './tenants-routes.ts'
import { noteUses } from './tokens.ts'
import { tokensRoutes } from './tokens-routes.ts'
import { usageRoutes } from './usage-routes.ts'
import { OWN_COMPILERS, validatorCompiler } from './validate.ts'
import { whoamiRoutes } from './whoami-routes.ts'

export type { AdminPorts } from './ports.ts'

const BODY_LIMIT = 1024 * 1024
/** A tenant id of 253 characters, each percent-encoded. */
const PARAM_MAX = 3 * 253
const REQUEST_TIMEOUT_MS = 300_000

/** The admin API. It does not listen: the caller does, and closes it. */
export function buildAdmin(ports: AdminPorts): FastifyInstance {
  const { tls, trustedPeers, limits, oidc } = ports.access
  const app = Fastify({
    // Fastify would log whole requests; what is to be told goes through `ports.log`.
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy: trustedPeers.length > 0 && [...trustedPeers],
    https: tls === null ? null : { ...tls, minVersion: 'TLSv1.2' },
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_MAX },
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerUnreadable,
    schemaController: OWN_COMPILERS,
  }).withTypeProvider<AdminTypes>()
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  // A serialiser made from a schema would leave out what the schema forgot; that schemas tell the truth is for the tests.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('actor', null)
  app.decorateRequest('stillOpens', async () => false)
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  handleErrors(app, ports.log)
  collectRoutes(app, ports.version)
  app.register(async (open) => {
    const routes = collectMethods(open)
    documentErrors(open, ['internal'])
    healthRoutes(open, ports)
    openapiRoute(open)
    consoleRoutes(open, ports)
    refuseOtherMethods(open, routes)
  })
  docsPage(app)
  app.register(async (v1) => {
    v1.addHook('onRequest', authenticate({
      tokens: ports.tokens, oidc, used: noteUses(ports.store, ports.log), refused: ports.refused, log: ports.log,
      limits: await limitCallers(v1, limits), isShared: sharedBy(trustedPeers),
    }))
    ignoreTypeOfNothing(v1)
    refuseQueries(v1)
    honourKeys(v1, ports.store, ports.log)
    documentErrors(v1, V1_ERRORS)
    const routes = collectMethods(v1)
    // Each in a scope of its own, so that a route reads no media type but those that it names.
    for (const add of [
      policyRoutes, revisionsRoutes, rulesRoutes,
      tenantsRoutes, tenantsImport,
      decisionsRoutes, simulateRoutes,
      eventsRoutes, eventsStream,
      usageRoutes,
      tokensRoutes, auditRoutes, whoamiRoutes,
      exceptionsRoutes, breakGlassRoutes,
    ]) {
      await v1.register(async (scope) => add(scope, ports))
    }
    refuseOtherMethods(v1, routes)
  }, { prefix: '/v1' })
  return app
}
