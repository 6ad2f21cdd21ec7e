import Type from 'typebox'
import { AUDIT_ACTIONS } from '../store/audit-entry.ts'
import { json } from './answers.ts'
import { auditPage } from './audit-page.ts'
import type { AdminApp, AdminPorts } from './ports.ts'

const PAGE = 100
const PAGE_MAX = 1_000
const closed = { additionalProperties: false }
const seq = (description: string) => Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,14}$', description }))
const hash = Type.String({ pattern: '^([0-9a-f]{64})?$' })

const Query = Type.Object({
  from: seq('the seq of the oldest entry that is wanted'),
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: `a number from 1 to ${PAGE_MAX}` })),
  cursor: seq('what the page before gave as next'),
  author: Type.Optional(Type.String({ minLength: 1, maxLength: 400, description: 'an author, such as token:0123456789ab or oidc:ann' })),
  action: Type.Optional(Type.Enum([...AUDIT_ACTIONS], { description: `one of ${AUDIT_ACTIONS.join(', ')}` })),
}, { ...closed, description: 'from=, limit=, cursor=, author= and action=, all optional' })

const Entry = Type.Object({
  seq: Type.Integer({ minimum: 1 }),
  at: Type.String({ description: 'ISO 8601, UTC' }),
  author: Type.String(),
  from: Type.String({ description: 'Client address, cli, sluice or unknown.' }),
  action: Type.Enum([...AUDIT_ACTIONS]),
  subject: Type.String(),
  detail: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  heads: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 0 }))),
  prev: hash,
  hash,
}, { ...closed, title: 'AuditEntry' })
const Page = Type.Object({
  entries: Type.Array(Entry),
  head: Type.Union([Type.Object({ seq: Type.Integer({ minimum: 1 }), hash }, closed), Type.Null()],
    { description: 'Where the log ends now; kept elsewhere, it shows later that nothing before it was changed (sluice audit verify).' }),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'AuditPage' })

/** `GET /audit`: who changed what, newest first. Nothing here changes the log. */
export function auditRoutes(app: AdminApp, { store }: AdminPorts): void {
  app.get('/audit', {
    config: { role: 'admin' },
    schema: {
      operationId: 'listAudit', summary: 'Who changed what, in pages', tags: ['access'], querystring: Query,
      response: { 200: json(Page, 'Entries, newest first. A page may be short, or empty, and still have a next one.') },
    },
  }, async ({ query }) => {
    const head = await store.auditHead()
    const { entries, next } = await auditPage(head, (page) => store.audit(page), {
      from: Number(query.from ?? 1), before: query.cursor === undefined ? null : Number(query.cursor), limit: Number(query.limit ?? PAGE),
      author: query.author, action: query.action,
    })
    return { entries, head: head === null ? null : { seq: head.seq, hash: head.hash }, ...next !== null && { next: String(next) } }
  })
}
