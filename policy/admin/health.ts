import Type from 'typebox'
import { json } from './answers.ts'
import type { AdminApp, HealthPorts } from './ports.ts'

const Lives = Type.Object({ status: Type.Literal('ok'), version: Type.String() })
const Readiness = Type.Object({
  ready: Type.Boolean({ description: 'Whether it may be sent traffic.' }),
  degraded: Type.Boolean({ description: 'Whether something is away, the store say.' }),
  checks: Type.Record(Type.String(), Type.String(), { description: 'What was looked at, and how it is.' }),
}, { title: 'Readiness' })
const METRICS = {
  description: 'Prometheus metrics; OpenMetrics with exemplars where `Accept` asks for it.',
  content: { 'text/plain': { schema: Type.String() }, 'application/openmetrics-text': { schema: Type.String() } },
}
/** Whoever may reach the address may ask. */
const open = { tags: ['health'], security: [] }

/** What machines ask without a token: `/healthz` (the process lives), `/readyz` (it may be sent traffic), `/metrics`. */
export function healthRoutes(app: AdminApp, { metrics, ready, version }: HealthPorts): void {
  app.get('/healthz', {
    schema: { ...open, operationId: 'getHealth', summary: 'Whether the process lives', response: { 200: json(Lives, 'It lives.') } },
  }, async () => ({ status: 'ok' as const, version }))

  app.get('/readyz', {
    schema: {
      ...open, operationId: 'getReadiness', summary: 'Whether it may be sent traffic',
      response: { 200: json(Readiness, 'It may.'), 503: json(Readiness, 'It may not.') },
    },
  }, async (_request, reply) => {
    const state = ready()
    return reply.code(state.ready ? 200 : 503).send(state)
  })

  app.get('/metrics', {
    schema: { ...open, operationId: 'getMetrics', summary: 'Metrics in Prometheus text form', response: { 200: METRICS } },
  }, async (request, reply) => {
    const { contentType, body } = await metrics(request.headers.accept ?? '')
    return reply.header('content-type', contentType).send(body)
  })
}
