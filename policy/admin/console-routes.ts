import { createHash } from 'node:crypto'
import type { AdminApp, AdminPorts } from './ports.ts'

const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `/console/`: the web page, whose files hold nothing secret; what it shows is asked of `/v1` with the reader's token. */
export function consoleRoutes(app: AdminApp, { console }: Pick<AdminPorts, 'console'>): void {
  for (const [name, { type, body }] of console) {
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
    app.get(`/console/${name}`, { schema: { hide: true } }, async (request, reply) => {
      reply.headers({ 'content-security-policy': CSP, 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache', etag })
      return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.type(type).send(body)
    })
  }
  if (console.has('')) app.get('/console', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/console/'))
}
