/** The stand-in refuses what the real services refuse. */
import t from 'tap'
import type { Test } from 'tap'
import { startOrigin } from './origin.ts'
import type { Origin } from './origin.ts'
import { ask } from './requests.ts'
import type { Answered } from './requests.ts'
import type { StandInOptions } from './stand-in.ts'

const AUTH = { authorization: 'Bearer FAKE-TOKEN' }
const UNIT = 256 << 10

async function start(test: Test, options: StandInOptions = {}): Promise<Origin> {
  const origin = await startOrigin(options)
  test.teardown(() => origin.close())
  return origin
}

t.test('Dropbox: sessions go on where they stand, or are told where', async t => {
  const origin = await start(t)
  const call = (path: string, arg: unknown, body = ''): Promise<Answered> => ask(origin, `https://content.dropboxapi.com/2/files/${path}`, {
    method: 'POST', body, headers: { ...AUTH, ...(arg === undefined ? {} : { 'dropbox-api-arg': typeof arg === 'string' ? arg : JSON.stringify(arg) }) },
  })
  const append = (session_id: string, offset: number, more: object = {}): Promise<Answered> =>
    call('upload_session/append_v2', { cursor: { session_id, offset }, ...more }, 'def')
  const opened = await call('upload_session/start', {}, 'abc')
  const id = String(JSON.parse(opened.text).session_id)

  const wrong = await append(id, 7)
  t.equal(wrong.status, 409)
  t.match(JSON.parse(wrong.text), { error_summary: /^incorrect_offset\//, error: { '.tag': 'incorrect_offset', correct_offset: 3 } })
  const unknown = await append('nobody', 0)
  t.match([unknown.status, JSON.parse(unknown.text)], [409, { error: { '.tag': 'not_found' } }])
  t.equal((await append(id, 3, { close: true })).status, 200)
  const closed = await append(id, 6)
  t.match([closed.status, JSON.parse(closed.text)], [409, { error: { '.tag': 'closed' } }])

  const early = await call('upload_session/finish', { cursor: { session_id: id, offset: 1 }, commit: { path: '/a' } })
  t.match([early.status, JSON.parse(early.text)], [409, { error: { '.tag': 'lookup_failed', lookup_failed: { '.tag': 'incorrect_offset', correct_offset: 6 } } }])
  t.same(origin.stored(), [])
  t.equal((await call('upload_session/finish', { cursor: { session_id: id, offset: 6 }, commit: { path: '/a' } })).status, 200)
  t.match(origin.stored(), [{ path: '/a', size: 6 }])

  const open = String(JSON.parse((await call('upload_session/start', {}, 'abc')).text).session_id)
  const batch = { entries: [{ cursor: { session_id: open, offset: 3 }, commit: { path: '/b' } }] }
  const batched = await ask(origin, 'https://api.dropboxapi.com/2/files/upload_session/finish_batch_v2', { method: 'POST', headers: AUTH, body: JSON.stringify(batch) })
  t.match(JSON.parse(batched.text), { entries: [{ '.tag': 'failure', failure: { lookup_failed: { '.tag': 'not_closed' } } }] })

  for (const arg of [undefined, 'no json', '[1]']) {
    const { status, text } = await call('upload', arg, 'x')
    t.match([status, text], [400, /Error in call to API function "files\/upload": ./], String(arg))
  }
  t.equal((await call('upload_session/append_v2', { cursor: {} }, 'x')).status, 400)
  t.equal(origin.stored().length, 1)
})

t.test('Dropbox: an append of more than 150 MB is too large, and forgotten', async t => {
  const origin = await start(t)
  const call = (path: string, arg: unknown, body: string | Buffer): Promise<Answered> => ask(origin, `https://content.dropboxapi.com/2/files/upload_session/${path}`, {
    method: 'POST', body, headers: { ...AUTH, 'dropbox-api-arg': JSON.stringify(arg) },
  })
  const session_id = String(JSON.parse((await call('start', {}, 'abc')).text).session_id)
  const cursor = { session_id, offset: 3 }
  const { status, text } = await call('append_v2', { cursor }, Buffer.alloc((150 << 20) + 1))
  t.match([status, JSON.parse(text)], [409, { error: { '.tag': 'payload_too_large' } }])
  t.equal((await call('append_v2', { cursor }, 'def')).status, 200)
})

for (const [name, url] of [
  ['Drive', 'https://www.googleapis.com/upload/drive/v3/files'],
  ['Cloud Storage', 'https://storage.googleapis.com/upload/storage/v1/b/contoso-files/o'],
] as const) {
  t.test(`${name}: resumable uploads have no gaps, and parts of whole units`, async t => {
    const origin = await start(t)
    const TOTAL = 3 * UNIT + 5
    const begin = async (headers: Record<string, string> = {}): Promise<string> => {
      const started = await ask(origin, `${url}?uploadType=resumable`, { method: 'POST', headers: { ...AUTH, ...headers }, body: '{"name":"r.bin"}' })
      t.equal(started.status, 200)
      return String(started.headers.location)
    }
    const put = async (session: string, range: string, bytes: number): Promise<[number, unknown]> => {
      const { status, headers } = await ask(origin, session, { method: 'PUT', body: Buffer.alloc(bytes, 7), headers: { 'content-range': range } })
      return [status, headers.range]
    }
    const session = await begin({ 'x-upload-content-length': String(TOTAL) })
    t.same(await put(session, `bytes */${TOTAL}`, 0), [308, undefined], 'nothing is there')
    t.same(await put(session, `bytes 0-${UNIT - 1}/${TOTAL}`, UNIT), [308, `bytes=0-${UNIT - 1}`])
    t.same((await put(session, `bytes ${2 * UNIT}-${TOTAL - 1}/${TOTAL}`, UNIT + 5))[0], 400, 'a gap')
    t.same((await put(session, `bytes ${UNIT}-${2 * UNIT - 1}/${TOTAL}`, 10))[0], 400, 'a body shorter than its range')
    t.same((await put(session, `bytes ${UNIT}-${2 * UNIT - 1}/${TOTAL + 1}`, UNIT))[0], 400, 'another total than the start told')
    t.same((await put(session, `bytes ${UNIT}-/${TOTAL}`, UNIT))[0], 400, 'malformed')
    t.same(await put(session, `bytes ${UNIT}-${2 * UNIT + 99}/${TOTAL}`, UNIT + 100), [308, `bytes=0-${2 * UNIT - 1}`], 'only whole units are kept')
    t.same(await put(session, `bytes ${UNIT}-${3 * UNIT - 1}/${TOTAL}`, 2 * UNIT), [308, `bytes=0-${3 * UNIT - 1}`], 'what was there is skipped')
    t.same(await put(session, `bytes */${TOTAL}`, 0), [308, `bytes=0-${3 * UNIT - 1}`])
    t.same(origin.stored(), [])
    t.same(await put(session, `bytes ${3 * UNIT}-${TOTAL - 1}/${TOTAL}`, 5), [200, undefined])
    t.same(await put(session, `bytes */${TOTAL}`, 0), [200, undefined], 'and it says so again')
    t.match(origin.stored(), [{ name: 'r.bin', size: TOTAL }])
    t.equal(origin.stored().length, 1)

    const quiet = await ask(origin, await begin(), { method: 'PUT', body: Buffer.alloc(UNIT), headers: { 'content-range': `bytes 0-${UNIT - 1}/*`, 'x-guploader-no-308': 'yes' } })
    t.match(quiet, { status: 200, headers: { 'x-http-status-code-override': '308', range: `bytes=0-${UNIT - 1}` } })
    const cancelled = await begin()
    t.equal((await ask(origin, cancelled, { method: 'DELETE' })).status, 499)
    t.equal((await put(cancelled, 'bytes 0-4/5', 5))[0], 404)
    t.equal((await put(`${url}?uploadType=resumable&upload_id=nobody`, 'bytes 0-4/5', 5))[0], 404)
    t.match(await ask(origin, url, { method: 'POST', headers: AUTH, body: 'x' }), { status: 400, text: /uploadType/ })
    t.match(await ask(origin, `${url}?uploadType=odd`, { method: 'POST', headers: AUTH, body: 'x' }), { status: 400, text: /uploadType/ })
  })
}

t.test('Graph: ranges of one total, in order', async t => {
  const origin = await start(t)
  const started = await ask(origin, 'https://graph.microsoft.com/v1.0/me/drive/root:/s.bin:/createUploadSession', { method: 'POST', headers: AUTH, body: '{}' })
  const session = String(JSON.parse(started.text).uploadUrl)
  const put = async (range: string | undefined, bytes: number, headers: Record<string, string> = {}): Promise<[number, unknown]> => {
    const { status, text } = await ask(origin, session, {
      method: 'PUT', body: Buffer.alloc(bytes), headers: { ...headers, ...(range === undefined ? {} : { 'content-range': range }) },
    })
    return [status, JSON.parse(text)]
  }
  t.match(await put('bytes 0-9/30', 10), [202, { nextExpectedRanges: ['10-'] }], 'no multiple of 320 KiB is taken')
  t.match(await put('bytes 20-29/30', 10), [416, { error: { code: 'invalidRange' } }], 'a gap')
  t.match(await put('bytes 0-9/30', 10), [416, { error: { code: 'invalidRange' } }], 'once more')
  t.match(await put('bytes 10-19/31', 10), [400, { error: { code: 'invalidRequest' } }], 'another total')
  t.match(await put('bytes 10-19/30', 9), [400, { error: { code: 'invalidRequest' } }], 'a body shorter than its range')
  t.match(await put('bytes 10-39/30', 30), [400, { error: { code: 'invalidRequest' } }], 'beyond the total')
  t.match(await put(undefined, 10), [400, { error: { code: 'invalidRequest' } }])
  t.match(await put('bytes 10-29/30', 20, AUTH), [201, { name: 's.bin', size: 30 }], 'Authorization is tolerated')
  t.match(await put('bytes 0-9/10', 10), [404, { error: { code: 'itemNotFound' } }], 'the session is over')
})

t.test('missing and bad credentials get 401 in the form of each provider', async t => {
  const origin = await start(t, { requireCredentials: true })
  const cases = [
    ['POST', 'https://api.dropboxapi.com/2/users/get_current_account', { error: { '.tag': 'invalid_access_token' } }],
    ['POST', 'https://content.dropboxapi.com/2/files/upload', { error_summary: /invalid_access_token/ }],
    ['GET', 'https://www.googleapis.com/drive/v3/files', { error: { code: 401, errors: [{ reason: 'authError' }] } }],
    ['POST', 'https://www.googleapis.com/upload/drive/v3/files?uploadType=media', { error: { code: 401 } }],
    ['GET', 'https://graph.microsoft.com/v1.0/me/drive', { error: { code: 'InvalidAuthenticationToken' } }],
    ['GET', 'https://storage.googleapis.com/storage/v1/b/contoso-files/o', { error: { code: 401 } }],
  ] as const
  for (const [method, url, form] of cases) {
    const body = method === 'POST' ? { body: '{}' } : {}
    for (const headers of [{}, { authorization: 'Bearer BAD-TOKEN' }] as Record<string, string>[]) {
      const { status, text } = await ask(origin, url, { method, headers, ...body })
      t.match([status, JSON.parse(text)], [401, form], url)
    }
    const fine = await ask(origin, url, { method, headers: { ...AUTH, 'dropbox-api-arg': '{"path":"/x"}' }, ...body })
    t.equal(fine.status, 200, url)
  }
  t.match(await ask(origin, 'https://api.box.com/2.0/folders/0'), { status: 401, headers: { 'www-authenticate': /invalid_token/ } })
  t.match(await ask(origin, 'https://dav.example/dav/'), { status: 401, headers: { 'www-authenticate': /^Basic/ } })
  t.match(await ask(origin, 'https://contosofiles.blob.core.windows.net/files?restype=container&comp=list'), { status: 401, text: /<Code>NoAuthentication/ })
  t.match(await ask(origin, 'https://contosofiles.blob.core.windows.net/files/x', { headers: { authorization: 'SharedKey contosofiles:AAAA' } }), { status: 403, text: /<Code>AuthenticationFailed/ })
  t.match(await ask(origin, 'https://contoso-files.s3.amazonaws.com/x'), { status: 403, text: /<Code>AccessDenied/ })
  const signed = (key: string): Record<string, string> =>
    ({ authorization: `AWS4-HMAC-SHA256 Credential=${key}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00` })
  t.match(await ask(origin, 'https://contoso-files.s3.amazonaws.com/x', { headers: signed('AKIABAD') }), { status: 403, text: /InvalidAccessKeyId/ })
  t.match(await ask(origin, 'https://contoso-files.s3.amazonaws.com/x', { headers: signed('AKIAFAKEFAKEFAKEFAKE') }), { status: 403, text: /SignatureDoesNotMatch/ })
  t.equal((await ask(origin, 'https://oauth2.googleapis.com/token', { method: 'POST', body: 'grant_type=x' })).status, 200, 'tokens are got without')
})

t.test('by default only bad credentials are refused by Dropbox, Drive and Graph', async t => {
  const origin = await start(t)
  const url = 'https://www.googleapis.com/drive/v3/files'
  t.equal((await ask(origin, url)).status, 200)
  t.equal((await ask(origin, url, { headers: { authorization: 'Bearer BAD' } })).status, 401)
})
