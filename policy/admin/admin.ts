import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { TSchema } from 'typebox'
import { authenticate } from './auth.ts'
import { decisionsRoutes } from './decisions-routes.ts'
import { answerFrameworkError, answerUnreadable, handleErrors } from './errors.ts'
import { healthRoutes } from './health.ts'
import { collectMethods, refuseOtherMethods } from './methods.ts'
import { refuseQueries } from './queries.ts'
import { policyRoutes } from './policy-routes.ts'
import type { AdminPorts } from './ports.ts'
import { tenantsImport } from './tenants-import.ts'
import { tenantsRoutes } from './tenants-routes.ts'
import { usageRoutes } from './usage-routes.ts'
import { validatorCompiler } from './validate.ts'

export type { AdminPorts } from './ports.ts'

const BODY_LIMIT = 1024 * 1024
/** A tenant id of 253 characters, each percent-encoded. */
const PARAM_MAX = 3 * 253
const REQUEST_TIMEOUT_MS = 300_000

/** The admin API. It does not listen: the caller does, and closes it. */
export function buildAdmin(ports: AdminPorts): FastifyInstance {
  const app = Fastify({
    // Fastify would log whole requests; what is to be told goes through `ports.log`.
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_MAX },
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerUnreadable,
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('actor', null)
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  handleErrors(app, ports.log)
  const open = collectMethods(app)
  healthRoutes(app, ports)
  refuseOtherMethods(app, open)
  app.register(async (v1) => {
    v1.addHook('onRequest', authenticate(ports.tokens))
    refuseQueries(v1)
    const routes = collectMethods(v1)
    // Each in a scope of its own, so that a route reads no media type but those that it names.
    for (const add of [policyRoutes, tenantsRoutes, tenantsImport, decisionsRoutes, usageRoutes]) {
      await v1.register(async (scope) => add(scope, ports))
    }
    refuseOtherMethods(v1, routes)
  }, { prefix: '/v1' })
  return app
}
