import type { HTTPMethods } from 'fastify'
import { SluiceError } from '../errors.ts'
import type { AdminApp } from './ports.ts'

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Collects the methods of each route that is added to `app` from here on, by its path within `app`. */
export function collectMethods(app: AdminApp): ReadonlyMap<string, ReadonlySet<string>> {
  const collected = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ method, url, prefix }) => {
    const path = url.slice(prefix.length)
    const methods = collected.get(path) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    collected.set(path, methods)
  })
  return collected
}

/** Answers a known path under another method with 405 and `Allow` (RFC 9110 §15.5.6), before anything of a body is read. */
export function refuseOtherMethods(app: AdminApp, routes: ReadonlyMap<string, ReadonlySet<string>>): void {
  // A copy, because adding these routes adds to the collection.
  for (const [url, methods] of [...routes].map(([path, known]) => [path, [...known]] as const)) {
    const allow = METHODS.filter((method) => methods.includes(method)).join(', ')
    app.route({
      method: METHODS.filter((method) => !methods.includes(method)), url, config: { role: 'viewer' }, schema: { hide: true },
      onRequest: async (request, reply) => {
        reply.header('allow', allow)
        throw new SluiceError('admin.wrong-method', `${request.method} is not answered here.`, `Use ${allow}.`)
      },
      // Never reached: the hook has thrown. Fastify asks for one.
      handler: async () => undefined,
    })
  }
}
