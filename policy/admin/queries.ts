import { SluiceError } from '../errors.ts'
import { printable } from '../faults.ts'
import type { AdminApp } from './ports.ts'

/** Refuses a query on routes that have none: whoever sends one believes that it counts. */
export function refuseQueries(app: AdminApp): void {
  app.addHook('preValidation', async ({ query, routeOptions }) => {
    if (routeOptions.schema?.querystring !== undefined || typeof query !== 'object' || query === null) return
    const faults = Object.keys(query).slice(0, 20)
      .map((name) => ({ path: printable(name), message: 'is not known; there is no query here' }))
    if (faults.length > 0) throw new SluiceError('admin.invalid', 'The query: there is none here', 'Leave it out.', { faults })
  })
}
