/** Every route, asked wrongly: a problem with code, place and remedy, and nothing is stored. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { policyOf } from '../store/contract.ts'
import { startAdmin } from './harness.ts'
import type { Admin } from './harness.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const YAML_TYPE = { 'content-type': 'application/yaml' }
const NDJSON_TYPE = { 'content-type': 'application/x-ndjson' }
const CSV_TYPE = { 'content-type': 'text/csv' }
const SEEN = { ...JSON_TYPE, 'if-match': '"1"' }
const LARGE = `"${'x'.repeat(1024 * 1024)}"`
const DESCRIBED = '{"method":"PUT","url":"https://x.example/","headers":{},"client":{"ip":"999"}}'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
type Case = readonly [
  method: Method, url: string, headers: Record<string, string>, payload: string, status: number, code: string, path: string,
]

const CASES: readonly Case[] = [
  ['PUT', '/v1/policy', SEEN, '{"default":', 400, 'admin.invalid', ''],
  ['PUT', '/v1/policy', SEEN, 'null', 422, 'policy.invalid', ''],
  ['PUT', '/v1/policy', SEEN, '{"default":"allow","unknownTenant":"log","rules":{}}', 422, 'policy.invalid', 'rules'],
  ['PUT', '/v1/policy', SEEN, '{"default":"allow","unknownTenant":"log","ruls":[]}', 422, 'policy.invalid', 'ruls'],
  ['PUT', '/v1/policy', SEEN, LARGE, 413, 'admin.too-large', ''],
  ['PUT', '/v1/policy', { ...SEEN, ...YAML_TYPE }, 'rules: [', 422, 'policy.invalid', ''],
  ['PUT', '/v1/policy', { ...SEEN, ...NDJSON_TYPE }, '{}', 415, 'admin.invalid', 'Content-Type'],
  ['PUT', '/v1/policy', { ...SEEN, 'content-type': 'garbage' }, '{}', 415, 'admin.invalid', 'Content-Type'],
  ['PUT', '/v1/policy', JSON_TYPE, '{}', 428, 'policy.precondition-required', 'If-Match'],
  ['PUT', '/v1/policy', { ...JSON_TYPE, 'if-match': '"7"' }, JSON.stringify(policyOf('late')), 412, 'policy.stale', 'If-Match'],
  ['PUT', '/v1/policy', { ...JSON_TYPE, 'if-match': '7' }, '{}', 400, 'admin.invalid', 'If-Match'],
  ['GET', '/v1/policy?revision=1', {}, '', 400, 'admin.invalid', 'revision'],
  ['POST', '/v1/policy/validate', JSON_TYPE, '{', 400, 'admin.invalid', ''],
  ['POST', '/v1/policy/validate', NDJSON_TYPE, '{}', 415, 'admin.invalid', 'Content-Type'],
  ['GET', '/v1/tenants?account=bx', {}, '', 400, 'admin.invalid', 'account'],
  ['GET', '/v1/tenants?acount=box', {}, '', 400, 'admin.invalid', 'acount'],
  ['GET', '/v1/tenants?account=box&account=google', {}, '', 400, 'admin.invalid', 'account'],
  ['PUT', '/v1/tenants/box/a', JSON_TYPE, '{"nmae":"x"}', 400, 'admin.invalid', 'nmae'],
  ['PUT', '/v1/tenants/box/a', JSON_TYPE, '{"content":"x"}', 400, 'admin.invalid', 'content'],
  ['PUT', '/v1/tenants/box/a', JSON_TYPE, '[', 400, 'admin.invalid', ''],
  ['PUT', '/v1/tenants/box/a', YAML_TYPE, 'name: x', 415, 'admin.invalid', 'Content-Type'],
  ['PUT', '/v1/tenants/box/a', NDJSON_TYPE, '{}', 415, 'admin.invalid', 'Content-Type'],
  ['PUT', '/v1/tenants/bx/a', JSON_TYPE, '{}', 400, 'admin.invalid', 'account'],
  ['PUT', '/v1/tenants/box/%zz', JSON_TYPE, '{}', 400, 'admin.invalid', ''],
  ['PUT', `/v1/tenants/box/${'x'.repeat(2_000)}`, JSON_TYPE, '{}', 414, 'admin.invalid', ''],
  ['PUT', '/v1/tenants/box/a', JSON_TYPE, LARGE, 413, 'admin.too-large', ''],
  ['GET', '/v1/tenants?limit=0', {}, '', 400, 'admin.invalid', 'limit'],
  ['GET', '/v1/tenants?limit=10001', {}, '', 400, 'admin.invalid', 'limit'],
  ['GET', '/v1/tenants?cursor=x', {}, '', 400, 'admin.invalid', 'cursor'],
  ['POST', '/v1/tenants/import', JSON_TYPE, '[', 400, 'admin.invalid', ''],
  ['POST', '/v1/tenants/import', JSON_TYPE, '{}', 400, 'admin.invalid', ''],
  ['POST', '/v1/tenants/import', JSON_TYPE, '[{"account":"box","id":"a"},{"account":"bx","id":"a"}]', 400, 'admin.invalid', '1/account'],
  ['POST', '/v1/tenants/import', JSON_TYPE, '[{"account":"box","id":"a"},{"account":"box","id":"a b"}]', 422, 'tenant.invalid', '1/id'],
  ['POST', '/v1/tenants/import', JSON_TYPE, '[{"account":"google","id":"*.co.uk"}]', 422, 'tenant.invalid', '0/id'],
  ['POST', '/v1/tenants/import', CSV_TYPE, 'box,a\nbx,a\n', 422, 'tenant.invalid', 'line 2'],
  ['POST', '/v1/tenants/import', CSV_TYPE, 'box,a\nbox,a,,b c\n', 422, 'tenant.invalid', 'line 2/aliases/0'],
  ['POST', '/v1/tenants/import', CSV_TYPE, 'box,"a\n', 422, 'tenant.invalid', 'line 1'],
  ['POST', '/v1/tenants/import', CSV_TYPE, 'x'.repeat(32 * 1024 * 1024 + 1), 413, 'admin.too-large', ''],
  ['POST', '/v1/tenants/import', YAML_TYPE, '[]', 415, 'admin.invalid', 'Content-Type'],
  ['PUT', '/v1/tenants/box/a', CSV_TYPE, 'box,a', 415, 'admin.invalid', 'Content-Type'],
  ['GET', '/v1/tenants/box/none', {}, '', 404, 'tenant.not-found', 'id'],
  ['DELETE', '/v1/tenants/box/none', {}, '', 404, 'tenant.not-found', 'id'],
  ['POST', '/v1/decisions', JSON_TYPE, '{}', 400, 'admin.invalid', 'method'],
  ['POST', '/v1/decisions', JSON_TYPE, DESCRIBED, 400, 'admin.invalid', 'client/ip'],
  ['POST', '/v1/decisions', YAML_TYPE, 'method: PUT', 415, 'admin.invalid', 'Content-Type'],
  ['POST', '/v1/decisions', JSON_TYPE, LARGE, 413, 'admin.too-large', ''],
  ['GET', '/v1/usage', {}, '', 400, 'admin.invalid', 'by'],
  ['GET', '/v1/usage?by=usr', {}, '', 400, 'admin.invalid', 'by'],
]

const WRONG_METHODS: readonly (readonly [Method, string, string])[] = [
  ['POST', '/v1/policy', 'GET, HEAD, PUT'], ['DELETE', '/v1/policy', 'GET, HEAD, PUT'], ['GET', '/v1/policy/validate', 'POST'],
  ['POST', '/v1/tenants', 'GET, HEAD'], ['PATCH', '/v1/tenants/box/a', 'GET, HEAD, PUT, DELETE'], ['GET', '/v1/decisions', 'POST'],
  ['GET', '/v1/tenants/import', 'POST'], ['PUT', '/v1/usage', 'GET, HEAD'], ['POST', '/healthz', 'GET, HEAD'], ['PUT', '/metrics', 'GET, HEAD'],
]

async function stored({ store }: Admin): Promise<unknown> {
  const { policy, tenants } = await store.load()
  return { revision: policy?.revision, tenants }
}

t.test('bad input is refused with code, place and remedy, and nothing is stored', async (t) => {
  const admin = await startAdmin(t)
  const before = await stored(admin)
  for (const [method, url, headers, payload, status, code, path] of CASES) {
    const answer = await admin.send('admin', { method, url, headers, ...payload !== '' && { payload } })
    const name = `${method} ${url.slice(0, 60)} ${headers['content-type'] ?? ''} ${payload.slice(0, 40)}`
    t.equal(answer.headers['content-type'], 'application/problem+json', name)
    t.equal(answer.statusCode, status, `${name} ${answer.body.slice(0, 300)}`)
    t.match(answer.json(), { status, code, type: `urn:sluice:error:${code}`, detail: /^[A-Z].*[.?] [A-Z].*[.?]$/ }, name)
    t.ok(answer.json().errors.some((fault: { path: string }) => fault.path === path), `${name}: ${answer.body.slice(0, 300)}`)
    t.notMatch(answer.json().detail, /[?.][.]|[a-z)] Correct/, 'sentences stand apart')
  }
  t.strictSame(await stored(admin), before)
  t.strictSame(admin.lines, [], 'nothing of it is our failure')
})

t.test('a 415 names the media types that the route reads', async (t) => {
  const { send } = await startAdmin(t)
  const other = { 'content-type': 'text/plain' }
  const told = async (method: 'PUT' | 'POST', url: string): Promise<unknown> =>
    (await send('admin', { method, url, headers: other, payload: 'x' })).json().detail
  t.match(await told('PUT', '/v1/policy'), 'Send application/json or application/yaml.')
  t.match(await told('PUT', '/v1/tenants/box/a'), 'Send application/json.')
  t.match(await told('POST', '/v1/tenants/import'), 'Send application/json or text/csv.')
  t.match(await told('POST', '/v1/decisions'), 'Send application/json or application/x-ndjson.')
})

t.test('another method is 405 with Allow, behind the token as the route is', async (t) => {
  const { send } = await startAdmin(t)
  for (const [method, url, allow] of WRONG_METHODS) {
    const answer = await send('viewer', { method, url, headers: JSON_TYPE, payload: '{bad' })
    t.equal(answer.headers.allow, allow, `${method} ${url}`)
    t.match(answer.json(), { status: 405, code: 'admin.wrong-method', detail: `${method} is not answered here. Use ${allow}.` })
    if (url.startsWith('/v1')) t.equal((await send(null, { method, url })).statusCode, 401)
  }
})

t.test('what is no HTTP is refused in the same form', async (t) => {
  const { app, secrets } = await startAdmin(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' ? address?.port ?? 0 : 0
  const both = `PUT /v1/policy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secrets.admin}\r\n` +
    'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const [request, status] of [
    ['GARBAGE\r\n\r\n', 400], [both, 400], [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(request)
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1\\.1 ${status} [^]*application/problem\\+json`))
    t.match(JSON.parse(body), { status, code: 'admin.invalid', type: 'urn:sluice:error:admin.invalid' })
  }
})

t.test('a media type of a body that is not there is no fault where none is wanted', async (t) => {
  const { send } = await startAdmin(t)
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const restore = { method: 'POST', url: '/v1/policy/revisions/1/restore', headers: { ...type, 'if-match': '"1"' } } as const
  t.equal((await send('editor', { ...restore, payload: 'x=1' })).statusCode, 415)
  t.equal((await send('editor', restore)).statusCode, 200)
  t.equal((await send('editor', { method: 'POST', url: '/v1/rules', headers: type })).statusCode, 415)
})
