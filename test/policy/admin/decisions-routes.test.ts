import { Readable } from 'node:stream'
import t from 'tap'
import { SluiceError } from '../../../policy/errors.ts'
import { startAdmin } from './harness.ts'

const url = '/v1/decisions'
const ndjson = { 'content-type': 'application/x-ndjson' }
const request = { method: 'POST', url: 'https://content.dropboxapi.com/2/files/upload', headers: [['User-Agent', 'rclone/v1.60']] }

t.test('a described request is explained', async (t) => {
  const { send, described } = await startAdmin(t)
  const all = { ...request, headers: { 'User-Agent': 'curl/8' }, size: 5, body: 'hello', client: { ip: '10.0.0.1', user: 'ann' } }
  for (const payload of [request, all]) {
    const answer = await send('viewer', { method: 'POST', url, payload })
    t.equal(answer.statusCode, 200, answer.body)
    t.match(answer.json(), { operation: null, client: { class: 'cli' }, decision: { action: 'allow', ruleId: null, revision: 1 }, trace: [] })
  }
  t.strictSame(described, [request, all])
})

t.test('what does not describe a request names the place', async (t) => {
  const { send, described } = await startAdmin(t)
  const cases: [object, string, RegExp][] = [
    [{ ...request, method: 'GET IT' }, 'method', /an HTTP method/],
    [{ method: 'GET', url: 'https://x' }, 'headers', /is missing/],
    [{ ...request, szie: 5 }, 'szie', /did you mean size\?/],
    [{ ...request, size: '5' }, 'size', /in bytes/],
    [{ ...request, size: -1 }, 'size', /in bytes/],
    [{ ...request, body: 'x'.repeat(65_537) }, 'body', /65,536/],
    [{ ...request, client: { ip: '::1', usr: 'ann' } }, 'client/usr', /did you mean user\?/],
    [{ ...request, url: `https://x/${'x'.repeat(16_384)}` }, 'url', /16,384/],
  ]
  for (const [payload, path, message] of cases) {
    const answer = await send('viewer', { method: 'POST', url, payload })
    t.match(answer.json(), { status: 400, code: 'admin.invalid' })
    t.match(answer.json().errors.find((fault: { path: string }) => fault.path === path), { message }, `${path}: ${answer.body.slice(0, 300)}`)
  }
  const headers = Array.from({ length: 1001 }, () => ['a', 'b'])
  t.match((await send('viewer', { method: 'POST', url, payload: { ...request, headers } })).json(), { status: 400 })
  t.strictSame(described, [])
})

t.test('many are answered line by line; a bad line does not end it', async (t) => {
  const { send } = await startAdmin(t)
  const lines = [JSON.stringify(request), '', '{bad', JSON.stringify({ ...request, url: 'https://bad.example' }), '{"method":1}', `${JSON.stringify(request)}\r`]
  const answer = await send('viewer', { method: 'POST', url, headers: ndjson, payload: lines.join('\n') })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'application/x-ndjson')
  const answers = answer.body.trimEnd().split('\n').map((line): unknown => JSON.parse(line))
  t.match(answers, [
    { decision: { action: 'allow' } },
    { error: { code: 'admin.invalid', detail: /not JSON/ } },
    { decision: { action: 'block' } },
    { error: { code: 'admin.invalid', errors: [{ path: /./ }] } },
    { decision: { action: 'allow' } },
  ])
  t.equal(answers.length, 5)
})

t.test('lines split anywhere, more of them than the body limit, and one without end', async (t) => {
  const { send } = await startAdmin(t)
  const line = Buffer.from(`${JSON.stringify({ ...request, body: 'é'.repeat(30_000) })}\n`)
  const pieces = (function* () {
    for (let n = 0; n < 40; n++) {
      yield line.subarray(0, 7_001)
      yield line.subarray(7_001)
    }
  })()
  const many = await send('viewer', { method: 'POST', url, headers: ndjson, payload: Readable.from(pieces, { objectMode: false }) })
  t.equal(many.body.trimEnd().split('\n').filter((text) => 'decision' in JSON.parse(text)).length, 40)
  const endless = await send('viewer', { method: 'POST', url, headers: ndjson, payload: `${JSON.stringify(request)}\n${'x'.repeat(1024 * 1024 + 1)}\n${JSON.stringify(request)}` })
  t.match(endless.body.trimEnd().split('\n').map((text): unknown => JSON.parse(text)), [{ decision: {} }, { error: { code: 'admin.too-large' } }])
})

t.test('an explanation that fails: a known error is told, an unknown one only in the log', async (t) => {
  let failure: Error = new SluiceError('admin.invalid', 'The URL has no host.', 'Send an absolute URL.', { faults: [{ path: 'url', message: 'has no host' }] })
  const { send, lines } = await startAdmin(t, { explain: () => { throw failure } })
  const one = () => send('viewer', { method: 'POST', url, payload: request })
  const many = () => send('viewer', { method: 'POST', url, headers: ndjson, payload: JSON.stringify(request) })
  t.match((await one()).json(), { status: 400, detail: 'The URL has no host. Send an absolute URL.', errors: [{ path: 'url' }] })
  t.match(JSON.parse((await many()).body), { error: { status: 400, errors: [{ path: 'url' }] } })
  t.strictSame(lines, [])
  failure = new Error('inner workings')
  for (const answer of [await one(), await many()]) {
    t.match(answer.body, /"code":"internal"/)
    t.notMatch(answer.body, 'inner workings')
  }
  t.equal(lines.filter((line) => line.includes('inner workings')).length, 2)
})
