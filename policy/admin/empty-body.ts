import type { AdminApp } from './ports.ts'

/**
 * Some HTTP clients send a Content-Type with a body that is not there. On a route that takes none it is no reason for a 415.
 */
export function ignoreTypeOfNothing(app: AdminApp): void {
  app.addHook('onRequest', async ({ headers, routeOptions: { schema, config } }) => {
    const isEmpty = headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0'
    if (isEmpty && schema?.body === undefined && config.body === undefined) delete headers['content-type']
  })
}
