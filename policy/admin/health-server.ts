import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { answerFrameworkError, answerUnreadable, handleErrors } from './errors.ts'
import { healthRoutes } from './health.ts'
import { collectMethods, refuseOtherMethods } from './methods.ts'
import type { AdminTypes, HealthPorts } from './ports.ts'
import { OWN_COMPILERS } from './validate.ts'

const BODY_LIMIT = 1_024
const REQUEST_TIMEOUT_MS = 30_000

/**
 * `/healthz`, `/readyz` and `/metrics` alone, for an address where monitoring may reach them and nobody may try tokens.
 * It does not listen: the caller does, and closes it.
 */
export function buildHealth(ports: HealthPorts): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerUnreadable,
    schemaController: OWN_COMPILERS,
  }).withTypeProvider<AdminTypes>()
  // As in the admin API: that schemas tell the truth is for the tests.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  handleErrors(app, ports.log)
  const routes = collectMethods(app)
  healthRoutes(app, ports)
  refuseOtherMethods(app, routes)
  return app
}
