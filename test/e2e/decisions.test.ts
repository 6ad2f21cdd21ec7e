/** `POST /v1/decisions` decides a described request as the proxy decides the real one, and leaves no trace of it. */
import t from 'tap'
import type { Explanation } from '../../policy/admin/explain.ts'
import { curl } from './curl.ts'
import { BLOCK_UPLOADS, MESSAGE } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

interface Described {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly client?: { readonly ip: string }
}

const JSON_TYPE = { 'Content-Type': 'application/json' }
const OCTETS = { 'Content-Type': 'application/octet-stream' }
const BOUNDARY = 'multipart/related; boundary=b'
const CHROME = 'Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'
const token = [{ alg: 'none' }, { tid: '99999999-8888-7777-6666-555555555555' }]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')

/** The request, and what is decided: the action and the rule, null where none ended the reading. */
const TABLE: ReadonlyArray<readonly [string, Described, Explanation['decision']['action'] | null, string | null]> = [
  ['a Dropbox upload', {
    method: 'POST', url: 'https://content.dropboxapi.com/2/files/upload', body: 'hello',
    headers: { ...OCTETS, 'Dropbox-API-Arg': '{"path":"/a/report.txt"}' },
  }, 'allow', null],
  ['a Dropbox upload with a name that is blocked', {
    method: 'POST', url: 'https://content.dropboxapi.com/2/files/upload', body: 'hello',
    headers: { ...OCTETS, 'Dropbox-API-Arg': '{"path":"/a/secret.zip"}' },
  }, 'block', 'no-archives'],
  ['a Dropbox session, whose name comes late', {
    method: 'POST', url: 'https://content.dropboxapi.com/2/files/upload_session/start', body: 'hello',
    headers: { ...OCTETS, 'Dropbox-API-Arg': '{"close":false}' },
  }, 'block', 'no-archives'],
  ['a Drive upload in one', {
    method: 'POST', url: 'https://www.googleapis.com/upload/drive/v3/files?uploadType=media', body: 'hello', headers: OCTETS,
  }, 'allow', null],
  ['a Drive multipart upload, whose name is in the body', {
    method: 'POST', url: 'https://www.googleapis.com/upload/drive/v3/files?uploadType=multipart',
    headers: { 'Content-Type': BOUNDARY },
    body: '--b\r\nContent-Type: application/json\r\n\r\n{"name":"x.zip"}\r\n' +
      '--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n',
  }, 'block', 'no-archives'],
  ['a Drive resumable start that tells its size', {
    method: 'POST', url: 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable',
    headers: { ...JSON_TYPE, 'X-Upload-Content-Length': '20000000' }, body: '{"name":"big.txt"}',
  }, 'block', 'no-large'],
  ['a Drive listing', { method: 'GET', url: 'https://www.googleapis.com/drive/v3/files', headers: {} }, 'allow', null],
  ['a Drive file put into the bin', {
    method: 'PATCH', url: 'https://www.googleapis.com/drive/v3/files/root', headers: JSON_TYPE, body: '{"trashed":true}',
  }, 'block', 'no-delete'],
  ['an upload to the own tenant', {
    method: 'PUT', url: 'https://contoso-my.sharepoint.com/personal/fay/Documents/a.txt', body: 'hello', headers: OCTETS,
  }, 'allow', 'own'],
  ['an upload to a foreign tenant', {
    method: 'PUT', url: 'https://fabrikam-my.sharepoint.com/personal/finn/Documents/a.txt', body: 'hello', headers: OCTETS,
  }, 'block', 'foreign'],
  ['an upload with a foreign token', {
    method: 'PUT', url: 'https://graph.microsoft.com/v1.0/me/drive/root:/a.txt:/content', body: 'hello',
    headers: { ...OCTETS, Authorization: `Bearer ${token}.FAKE` },
  }, 'block', 'foreign'],
  ['a Graph session start, from a browser', {
    method: 'POST', url: 'https://graph.microsoft.com/v1.0/me/drive/root:/a.txt:/createUploadSession',
    body: '{"item":{"name":"a.txt"}}',
    headers: { ...JSON_TYPE, 'User-Agent': CHROME },
  }, 'log', 'watch-browsers'],
  ['another source', {
    method: 'GET', url: 'https://www.googleapis.com/drive/v3/files', headers: {}, client: { ip: '127.0.0.9' },
  }, 'block', 'no-guests'],
  ['what is no cloud storage', { method: 'GET', url: 'https://spliced.example/', headers: {} }, null, null],
]

const world = await startWorld()
t.teardown(() => world.close())
await world.api('PUT', '/v1/tenants/microsoft/contoso', {})
const block = (id: string, when: object): object => ({ id, when, action: 'block', message: MESSAGE })
await world.setPolicy({
  default: 'allow', unknownTenant: 'allow', rules: [
    block('no-guests', { source: '127.0.0.8/29' }),
    block('foreign', { activity: 'upload', tenant: 'unsanctioned' }),
    { id: 'own', when: { activity: 'upload', tenant: 'sanctioned' }, action: 'allow' },
    block('no-archives', { activity: 'upload', fileName: '*.zip' }),
    block('no-large', { activity: 'upload', size: { atLeast: '10MB' } }),
    block('no-delete', { activity: 'delete' }),
    { id: 'watch-browsers', when: { client: 'browser' }, action: 'log' },
  ],
})

/** As curl sends it, so that both tell the same program. */
function described(request: Described): object {
  return { ...request, headers: { 'User-Agent': 'curl/7.88.1', ...request.headers } }
}

async function requestsCounted(): Promise<readonly string[]> {
  const text = await (await world.api('GET', '/metrics')).text()
  const counters = /^sluice_(?:requests|decisions|decision_reasons|uploaded_bytes|tunnels)_total/
  return text.split('\n').filter((line) => counters.test(line))
}

for (const [name, request, action, ruleId] of TABLE) {
  t.test(`${name}: explained as it is decided`, async (t) => {
    const before = await eventsSoFar(world)
    const counted = await requestsCounted()
    const answer = await world.api('POST', '/v1/decisions', described(request))
    t.equal(answer.status, 200)
    const told: Explanation = await answer.json() as Explanation
    t.same(await requestsCounted(), counted, 'no counter moved')
    t.same(await eventsSoFar(world), before, 'no event was written')

    const headers = Object.entries({ 'User-Agent': 'curl/7.88.1', ...request.headers })
    const args = headers.flatMap(([field, value]) => ['-H', `${field}: ${value}`])
    if (request.body !== undefined) args.push('--data-binary', request.body)
    if (request.client !== undefined) args.push('--interface', request.client.ip)
    const caFile = action === null ? world.origin.caFile : world.caFile
    const real = await curl([...args, '-X', request.method, request.url], { ...world, caFile })
    const [event] = (await eventsSoFar(world)).slice(before.length)
    if (action === null) {
      const decision = { action: 'allow', ruleId: null, reasons: ['not-intercepted'] }
      t.match(told, { operation: null, tenant: null, decision, trace: [] })
      t.equal(real.status, 200)
      t.equal(event, undefined)
      return
    }
    if (event === undefined) throw new Error('the request left no event')
    const { sluice, rule, file } = event
    t.same({ action, ruleId }, { action: told.decision.action, ruleId: told.decision.ruleId })
    t.same(real.status === 403, action === 'block')
    const { provider, activity, step, size, fileName } = told.operation ?? {}
    // Where nothing told the size, the event tells what was counted.
    const counts = size?.is === 'unknown' && action !== 'block'
    const measured = counts ? { bytes: Buffer.byteLength(request.body ?? ''), is: 'at-least' } : size
    t.same({ provider, activity, step, size: measured }, withoutSession(sluice.operation))
    t.equal(fileName, file?.name)
    t.same(told.tenant, sluice.tenant)
    t.equal(told.client.class, sluice.client_class)
    const { reasons, ...decision } = told.decision
    t.same(decision, { action: sluice.action, ruleId: rule.id ?? null, revision: sluice.revision })
    t.same(reasons.toSorted(), sluice.reasons.toSorted())
    if (ruleId !== null) t.equal(told.trace.findLast(({ outcome }) => outcome === 'matched')?.ruleId, ruleId)
  })
}

t.test('methods are case-sensitive: a lower-case one is refused, as the proxy refuses it', async (t) => {
  const answer = await world.api('POST', '/v1/decisions', described({ method: 'post', url: 'https://content.dropboxapi.com/2/files/upload', headers: {} }))
  t.equal(answer.status, 400)
  t.match(await answer.json(), { code: 'admin.invalid' })
})

t.test('what the configuration leaves out is decided for nobody: neither in plain HTTP nor where it is explained', async (t) => {
  const request = { method: 'POST', url: 'http://content.dropboxapi.com/2/files/upload', body: 'hello', headers: OCTETS }
  const args = ['-H', 'Content-Type: application/octet-stream', '-d', 'hello', request.url]
  const cases = [
    ['opened', {}, 'block'], ['bypassed', { bypass: ['content.dropboxapi.com'] }, 'allow'], ['break-glass', { mode: 'none' }, 'allow'],
  ] as const
  for (const [name, intercept, action] of cases) {
    const other = await startWorld({ config: { intercept } })
    try {
      await other.setPolicy(BLOCK_UPLOADS)
      const told: Explanation = await (await other.api('POST', '/v1/decisions', described(request))).json() as Explanation
      t.equal(told.decision.action, action, `${name}: explained`)
      t.equal((await curl(args, other)).status === 403, action === 'block', `${name}: plain HTTP`)
    } finally {
      await other.close()
    }
  }
})

t.test('many at once, as lines: answered in order, what cannot be explained in its place', async (t) => {
  const before = await eventsSoFar(world)
  const counted = await requestsCounted()
  const lines = TABLE.map(([, request]) => JSON.stringify(described(request)))
  lines.splice(2, 0, 'no JSON', JSON.stringify({ method: 'GET' }))
  const answer = await fetch(`${world.admin}/v1/decisions`, {
    method: 'POST', body: lines.join('\n'),
    headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/x-ndjson' },
  })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'application/x-ndjson')
  const told = (await answer.text()).trim().split('\n').map((line): Explanation | { readonly error: object } => JSON.parse(line))
  t.equal(told.length, lines.length)
  const [, , noJson, incomplete] = told
  t.match(noJson, { error: { code: 'admin.invalid', status: 400 } })
  t.match(incomplete, { error: { code: 'admin.invalid', errors: [{ path: /url/ }] } })
  const decisions = told.toSpliced(2, 2)
  for (const [i, [name, , action, ruleId]] of TABLE.entries()) {
    t.match(decisions[i], { decision: { action: action ?? 'allow', ruleId } }, name)
  }
  t.same(await requestsCounted(), counted, 'no counter moved')
  t.same(await eventsSoFar(world), before, 'no event was written')
})

/** An event tells of a session only a hash, and its offset; an explanation neither. */
function withoutSession(operation: object | undefined): object {
  return Object.fromEntries(Object.entries(operation ?? {}).filter(([name]) => name !== 'session' && name !== 'offset'))
}
