/**
 * Recorded uploads of real clients, sent through Sluice as they were and in disguise (to a path that nobody knows, with
 * padding before the field that tells, under a content coding): a rule that blocks uploads refuses each, and what may
 * have left by then completes nothing.
 */
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { BLOCK_UPLOADS, openHttp } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import { recordings } from '../policy/providers/recording.ts'
import type { Recording } from '../policy/providers/recording.ts'

/** What DESIGN.md §4 lets pass of a body that nothing explains. */
const UNEXPLAINED = 16_384
const LARGE = Buffer.alloc(20_000, 'x')
const SKIPPED = new Set(['host', 'content-length', 'transfer-encoding', 'content-encoding', 'connection', 'expect'])

const world = await startWorld()
t.teardown(() => world.close())
await world.setPolicy(BLOCK_UPLOADS)

// One of each kind: the same client sends many that differ in ids only.
const kindOf = ({ name, label, head }: Recording): string =>
  [name.split(':')[0], label.class, head.method, head.host, head.query.replace(/=[^&]*/g, '')].join(' ')
const uploads = [...new Map(recordings().filter(({ label }) => /^upload-(?!session-status|session-cancel|preflight)/.test(label.class))
  .map(row => [kindOf(row), row])).values()]

interface Disguise {
  readonly target?: string
  readonly fields?: readonly string[]
  readonly body: Buffer
  /** What Content-Length says; null for chunks. */
  readonly length: number | null
}

async function statusOf(row: Recording, { target, fields = [], body, length }: Disguise): Promise<number> {
  const { host, method, path, query } = row.head
  const framing = length === null ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`
  const head = [
    `${method} ${target ?? path + (query === '' ? '' : `?${query}`)} HTTP/1.1`, `Host: ${host}`,
    ...row.fields.filter(([name]) => !SKIPPED.has(name)).map(([name, value]) => `${name}: ${value}`), framing, ...fields, '', '',
  ].join('\r\n')
  const wire = await openHttp(world, host)
  wire.write(head)
  if (length === null) {
    if (body.length > 0) wire.write(Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]))
    wire.write('0\r\n\r\n')
  } else wire.write(body)
  const { status } = await wire.response()
  wire.close()
  return status
}

/** The recorded body, filled up where only its beginning was kept. */
function bodyOf({ body, complete, head }: Recording): Buffer {
  return complete ? body : Buffer.concat([body, Buffer.alloc(Math.max(0, Math.min(head.contentLength ?? 70_000, 70_000) - body.length), 'x')])
}

async function refused(t: Test, forms: (row: Recording) => readonly Disguise[]): Promise<void> {
  await world.origin.reset()
  for (const row of uploads) {
    for (const form of forms(row)) t.equal(await statusOf(row, form), 403, `${row.name} ${row.head.method} ${row.head.host}${row.head.path}`)
  }
  t.same(world.origin.stored(), [])
  t.ok(world.origin.requests().every(({ complete, bodyBytes }) => !complete && bodyBytes <= UNEXPLAINED), 'nothing arrived whole')
  t.comment(`${uploads.length} uploads, ${world.origin.requests().length} began to arrive, ${world.origin.fileBytes()} file bytes`)
}

t.test('as they were recorded', t => refused(t, row => [{ body: bodyOf(row), length: row.head.contentLength }]))

t.test('to an unknown path', t => refused(t, () => [
  { target: '/unheard/of', body: LARGE, length: LARGE.length }, { target: '/unheard/of', body: LARGE, length: null },
]))

t.test('padded before the field that tells', t => refused(t, row => {
  const body = Buffer.concat([Buffer.from(`{"pad":"${'x'.repeat(70_000)}",`), row.body.subarray(1)])
  return [{ body, length: body.length }, { body, length: null }]
}))

t.test('under a content coding', t => refused(t, row => {
  const body = gzipSync(bodyOf(row))
  return ['gzip', 'x-gzip, identity'].flatMap(coding =>
    [body.length, null].map(length => ({ fields: [`Content-Encoding: ${coding}`], body, length })))
}))
