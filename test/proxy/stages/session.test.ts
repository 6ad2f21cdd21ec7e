import t from 'tap'
import type { Operation, Size } from '../../../policy/operation.ts'
import { catalogue } from '../../../policy/providers/index.ts'
import type { Recognition } from '../../../policy/providers/provider.ts'
import { webdav } from '../../../policy/providers/webdav.ts'
import type { SessionRecord } from '../../../policy/sessions.ts'
import { addsUp, inherit, isNamedElsewhere, sessionKey } from '../../../proxy/stages/session.ts'

const chunk: Operation = { provider: 'onedrive', activity: 'upload', step: 'chunk', session: 'g', offset: 0, size: { bytes: 10, is: 'at-least' } }
const read = (operation: Operation): Recognition => ({ operation, reasons: [], peek: 0 })
const record = (facts: Partial<SessionRecord>): SessionRecord => ({ bytes: 0, sent: 0, startedAt: 1, updatedAt: 1, ...facts })
const onedrive = catalogue.find('graph.microsoft.com')?.module ?? null
const dropbox = catalogue.find('content.dropboxapi.com')?.module ?? null
const s3 = catalogue.find('s3.amazonaws.com')?.module ?? null

t.test('a session is named with its provider, and with its host where its id is an address there', async (t) => {
  t.equal(sessionKey(onedrive, chunk, 'contoso-my.sharepoint.com'), 'onedrive:contoso-my.sharepoint.com:g')
  t.equal(sessionKey(dropbox, { provider: 'dropbox', session: 'g' }, 'api.dropboxapi.com'), 'dropbox:g', 'it is finished on another host')
  t.equal(sessionKey(s3, { provider: 's3', session: 'g' }, 'a.s3.amazonaws.com'), 's3:g')
  t.equal(sessionKey(onedrive, { provider: 'onedrive' }, 'graph.microsoft.com'), null)
})

t.test('of what the request, the start and the counting say of the size, the largest counts', async (t) => {
  const cases: [own: Size, seen: number, declared: number | undefined, Size][] = [
    [{ bytes: 10, is: 'at-least' }, 0, undefined, { bytes: 10, is: 'at-least' }],
    [{ bytes: 10, is: 'at-least' }, 700, undefined, { bytes: 700, is: 'at-least' }],
    [{ bytes: 10, is: 'at-least' }, 0, 900, { bytes: 900, is: 'exact' }],
    [{ bytes: 0, is: 'unknown' }, 0, 900, { bytes: 900, is: 'exact' }],
    [{ bytes: 10, is: 'at-least' }, 901, 900, { bytes: 901, is: 'at-least' }],
    [{ bytes: 950, is: 'at-least' }, 0, 900, { bytes: 950, is: 'at-least' }],
    [{ bytes: 950, is: 'exact' }, 0, 900, { bytes: 950, is: 'exact' }],
    [{ bytes: 10, is: 'exact' }, 0, 900, { bytes: 900, is: 'at-least' }],
    [{ bytes: 900, is: 'exact' }, 900, 900, { bytes: 900, is: 'exact' }],
  ]
  for (const [own, bytes, size, wanted] of cases) {
    const known = record({ bytes, ...(size === undefined ? {} : { size }) })
    t.strictSame(inherit(read({ ...chunk, size: own }), known).operation.size, wanted, JSON.stringify([own, bytes, size]))
  }
})

t.test('parts without a place in the session add to what went before; a part sent again does not', async (t) => {
  const { offset, ...part } = chunk
  t.equal(offset, 0)
  t.equal(addsUp(part), true)
  t.equal(addsUp(chunk), false)
  t.equal(addsUp({ ...part, size: { bytes: 10, is: 'exact' } }), false, 'it tells the whole')
  t.strictSame(inherit(read(part), record({ bytes: 700 })).operation.size, { bytes: 710, is: 'at-least' })
  t.strictSame(inherit(read(chunk), record({ bytes: 700 })).operation.size, { bytes: 700, is: 'at-least' })
  const known = { ...record({ bytes: 700 }), parts: new Map([['1', 6], ['2', 200]]) }
  for (const [name, bytes] of [['1', 704], ['2', 700], ['3', 710]] as const) {
    t.strictSame(inherit(read({ ...part, part: name }), known).operation.size, { bytes, is: 'at-least' }, `part ${name}`)
  }
})

t.test('what was sent in a session beyond its places and the slack is its size, before a byte more leaves', async (t) => {
  const slack = 1 << 20
  const size = (sent: number, incoming: number, own: Size = { bytes: 10, is: 'exact' }) =>
    inherit(read({ ...chunk, size: own }), record({ bytes: 10, sent }), incoming)
  t.strictSame(size(slack, 10).operation.size, { bytes: 10, is: 'exact' })
  t.match(size(slack, 11), { operation: { size: { bytes: 11, is: 'at-least' } }, reasons: ['session-resent'] })
  t.match(size(slack + 500, 0, { bytes: 0, is: 'unknown' }), { operation: { size: { bytes: 500, is: 'at-least' } }, reasons: ['session-size', 'session-resent'] })
  t.match(inherit(read({ ...chunk, activity: 'other', step: 'status' }), record({ sent: 2 * slack }), 0), { reasons: [] })
})

t.test('a part has the name and type that the start told', async (t) => {
  const known = record({ fileName: 'a.docx', contentType: 'text/plain', tenantId: 'contoso', tenantIs: 'sure' })
  t.match(inherit(read({ ...chunk, fileName: 'harmless.txt', contentType: 'application/octet-stream' }), known), {
    operation: { fileName: 'a.docx', contentType: 'text/plain' }, reasons: ['session-start'],
  })
  t.match(inherit(read({ ...chunk, step: 'finish', fileName: 'b.txt', tenantHint: 'fabrikam' }), known).operation,
    { fileName: 'b.txt', tenantHint: 'fabrikam' }, 'a finish names what it commits, and the bytes go where they go')
  t.equal(inherit(read({ ...chunk, step: 'finish' }), known).operation.fileName, 'a.docx')
  const first = read(chunk)
  t.equal(inherit(first, undefined), first)
  t.equal(inherit(first, record({})), first, 'nothing known, nothing changed')
})

t.test('a part whose start nobody saw has a name that is not known; not so where there is none to learn', async (t) => {
  t.equal(isNamedElsewhere(onedrive, chunk, undefined), true)
  t.equal(isNamedElsewhere(onedrive, chunk, record({ startedAt: 0, bytes: 5 })), true)
  t.equal(isNamedElsewhere(onedrive, chunk, record({})), false)
  t.equal(isNamedElsewhere(onedrive, { ...chunk, fileName: 'a.txt' }, undefined), false)
  const { session, ...alone } = chunk
  t.equal(session, 'g')
  t.equal(isNamedElsewhere(onedrive, { ...alone, step: 'single' }, undefined), false)
  t.equal(isNamedElsewhere(dropbox, { ...chunk, provider: 'dropbox', step: 'single' }, undefined), true, 'to a link')
  t.equal(isNamedElsewhere(s3, { ...chunk, provider: 's3' }, undefined), false)
  t.equal(isNamedElsewhere(dropbox, { ...chunk, provider: 'dropbox' }, record({})), true, 'only the finish names it')
  t.equal(isNamedElsewhere(dropbox, { ...chunk, provider: 'dropbox', activity: 'other', step: 'status' }, undefined), false)
  for (const step of ['start', 'chunk', 'batch'] as const) {
    t.equal(isNamedElsewhere(webdav, { ...chunk, provider: 'webdav', step }, record({})), true, `WebDAV, ${step}`)
  }
  t.equal(isNamedElsewhere(webdav, { ...chunk, provider: 'webdav', step: 'single' }, undefined), false)
})
