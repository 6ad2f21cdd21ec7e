import t from 'tap'
import { composeRefusal } from '../../proxy/refusal.ts'
import type { Refused, RefusalText } from '../../proxy/refusal.ts'
import { HeaderTable } from '../../proxy/head.ts'

const base: Refused = {
  code: 'policy.blocked', message: 'Company files go to the company OneDrive.', ruleId: 'foreign', eventId: 'ev1',
  form: 'dropbox', host: '', path: '', method: 'POST', headers: new HeaderTable([]),
  isProviderOrigin: (origin) => origin === 'https://www.dropbox.com', now: new Date(0),
}
const text: RefusalText = { organisation: 'Contoso <b>', contact: 'it@contoso.example', logo: null, language: 'en' }
const json = (refused: Refused): unknown => JSON.parse(composeRefusal(refused, text).body.toString())
const xml = (refused: Refused): string => composeRefusal(refused, text).body.toString()
const header = (refused: Refused, name: string): string | undefined => {
  const { headers } = composeRefusal(refused, text)
  const at = headers.findIndex((value, i) => i % 2 === 0 && value.toLowerCase() === name)
  return at === -1 ? undefined : headers[at + 1]
}

t.test('each provider in its own form, the message first', async (t) => {
  t.match(json(base), { error_summary: /^Company files go to the company OneDrive\. \(event ev1\)\//, user_message: { text: /^Company/, locale: 'en' } })
  t.match(json({ ...base, form: 'google' }), { error: { code: 403, message: /^Company/, errors: [{ domain: 'global', reason: 'forbidden', message: /^Company/ }] } })
  t.match(json({ ...base, form: 'microsoft' }), { error: { code: 'accessDenied', message: /^Company/, innerError: { 'request-id': 'ev1' } } })
  t.match(json({ ...base, form: null }), { type: 'urn:sluice:error:policy.blocked', status: 403, rule: 'foreign', instance: 'urn:sluice:event:ev1' })
})

t.test('Box, object stores and WebDAV in theirs', async (t) => {
  t.match(json({ ...base, form: 'box' }), { type: 'error', status: 403, code: 'forbidden', message: /^Company/, request_id: 'ev1' })

  const s3 = /^<\?xml [^?]+\?>\n<Error><Code>AccessDenied<\/Code><Message>Company [^<]+<\/Message><RequestId>ev1<\/RequestId><\/Error>$/
  t.match(xml({ ...base, form: 'aws' }), s3)
  t.equal(header({ ...base, form: 'aws' }, 'x-amz-request-id'), 'ev1')
  t.match(header({ ...base, form: 'aws' }, 'content-type'), /^application\/xml/)

  const azure: Refused = { ...base, form: 'azure', host: 'contoso.blob.core.windows.net' }
  t.match(xml(azure), /\?>\n<Error><Code>AuthorizationFailure<\/Code><Message>Company [^<]+<\/Message><\/Error>$/)
  t.equal(header(azure, 'x-ms-error-code'), 'AuthorizationFailure')
  t.match(json({ ...azure, host: 'contoso.dfs.core.windows.net' }), { error: { code: 'AuthorizationFailure', message: /^Company/ } })

  const gcs: Refused = { ...base, form: 'gcp', host: 'storage.googleapis.com' }
  for (const path of ['/storage/v1/b/files/o', '/upload/storage/v1/b/files/o', '/resumable/upload/storage/v1/b/files/o', '/batch/storage/v1']) {
    t.match(json({ ...gcs, path }), { error: { code: 403, message: /^Company/, errors: [{ reason: 'forbidden' }] } }, path)
  }
  t.match(xml({ ...gcs, path: '/files/a.bin' }), s3, 'an object by its address')

  const dav = xml({ ...base, form: 'webdav' })
  t.match(dav, /\?>\n<d:error xmlns:d="DAV:" xmlns:s="[^"]+"><s:exception>[^<]+\\Forbidden<\/s:exception>/)
  t.match(dav, /<s:message>Company [^<]+<\/s:message><\/d:error>$/)
})

t.test('what is no decision is told so that programs try again, or not', async (t) => {
  const broken: Refused = { ...base, code: 'upstream.broken', message: undefined }
  const malformed: Refused = { ...base, code: 'request.malformed', message: undefined }
  t.match(xml({ ...broken, form: 'aws' }), '<Code>ServiceUnavailable</Code>')
  t.equal(header({ ...broken, form: 'azure' }, 'x-ms-error-code'), 'ServerBusy')
  t.match(json({ ...broken, form: 'box' }), { status: 502, code: 'internal_server_error' })
  t.match(xml({ ...malformed, form: 'aws' }), '<Code>InvalidRequest</Code>')
  t.match(json({ ...malformed, form: 'box' }), { status: 400, code: 'bad_request' })
})

t.test('in XML nothing of the message is markup, and nothing breaks the document', async (t) => {
  const message = 'a</Message>&lt;"\u0000\u001b\ud800\ufffe 😀 ö'
  for (const form of ['aws', 'azure', 'webdav'] as const) {
    t.match(xml({ ...base, form, message }), 'a&lt;/Message&gt;&amp;lt;&quot;\ufffd\ufffd\ufffd\ufffd 😀 ö (event ev1)', form)
  }
})

t.test('a person gets a page, in which nothing is markup', async (t) => {
  const headers = new HeaderTable(['Accept', 'text/html,*/*', 'Sec-Fetch-Mode', 'navigate'])
  const page = composeRefusal({ ...base, message: '<script>alert(1)</script>', headers }, text)
  t.match(page.body.toString(), /&lt;script&gt;alert\(1\)/)
  t.notMatch(page.body.toString(), /<script>/)
  t.match(page.body.toString(), /Contoso &lt;b&gt;/)
  t.match(header({ ...base, headers }, 'content-security-policy'), /default-src 'none'/)
  t.equal(header({ ...base, headers }, 'cache-control'), 'no-store')
  t.equal(page.status, 403)
  t.match(header({ ...base, headers: new HeaderTable(['Accept', 'text/html', 'Sec-Fetch-Mode', 'cors']) }, 'content-type'), /json/, 'a script in a page')
})

t.test('cross-origin pages of the provider can read it, others cannot', async (t) => {
  const own = new HeaderTable(['Origin', 'https://www.dropbox.com'])
  t.equal(header({ ...base, headers: own }, 'access-control-allow-origin'), 'https://www.dropbox.com')
  t.equal(header({ ...base, headers: new HeaderTable(['Origin', 'https://evil.example']) }, 'access-control-allow-origin'), undefined)
  t.equal(header({ ...base, headers: new HeaderTable(['Origin', 'https://www.dropbox.com\r\nX: y']) }, 'access-control-allow-origin'), undefined)
  const preflight = new HeaderTable(['Origin', 'https://www.dropbox.com', 'Access-Control-Request-Method', 'POST', 'Access-Control-Request-Headers', 'dropbox-api-arg'])
  const answer = composeRefusal({ ...base, method: 'OPTIONS', headers: preflight }, text)
  t.equal(answer.status, 204)
  t.equal(header({ ...base, method: 'OPTIONS', headers: preflight }, 'access-control-allow-headers'), 'dropbox-api-arg')
})

t.test('an upstream fault is no 403', async (t) => {
  t.equal(composeRefusal({ ...base, code: 'upstream.certificate', message: undefined }, text).status, 502)
  t.match(header({ ...base, code: 'upstream.certificate', message: undefined }, 'proxy-status'), /tls_certificate_error/)
})
