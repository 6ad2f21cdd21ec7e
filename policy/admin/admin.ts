import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { TSchema } from 'typebox'
import { authenticate } from './auth.ts'
import { decisionsRoutes } from './decisions-routes.ts'
import { handleErrors } from './errors.ts'
import { healthRoutes } from './health.ts'
import { policyRoutes } from './policy-routes.ts'
import type { AdminPorts } from './ports.ts'
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
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler<TSchema>(validatorCompiler)
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('actor', null)
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  handleErrors(app, ports.log)
  healthRoutes(app, ports)
  app.register(async (v1) => {
    v1.addHook('onRequest', authenticate(ports.tokens))
    policyRoutes(v1, ports)
    tenantsRoutes(v1, ports)
    decisionsRoutes(v1, ports)
    usageRoutes(v1, ports)
  }, { prefix: '/v1' })
  return app
}
