import type { AdminApp, AdminPorts } from './ports.ts'

/** What machines ask without a token: `/healthz` (the process lives), `/readyz` (it may be sent traffic), `/metrics`. */
export function healthRoutes(app: AdminApp, { metrics, ready, version }: AdminPorts): void {
  app.get('/healthz', async () => ({ status: 'ok', version }))

  app.get('/readyz', async (_request, reply) => {
    const state = ready()
    return reply.code(state.ready ? 200 : 503).send(state)
  })

  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await metrics()
    return reply.header('content-type', contentType).send(body)
  })
}
