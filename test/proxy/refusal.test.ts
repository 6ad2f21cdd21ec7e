import t from 'tap'
import { composeRefusal } from '../../proxy/refusal.ts'
import type { Refused } from '../../proxy/refusal.ts'
import { HeaderTable } from '../../proxy/head.ts'

const base: Refused = {
  code: 'policy.blocked', message: 'Company files go to the company OneDrive.', ruleId: 'foreign', eventId: 'ev1', form: 'dropbox', host: '', path: '',
  method: 'POST', headers: new HeaderTable([]), isProviderOrigin: (origin) => origin === 'https://www.dropbox.com', now: new Date(0),
}
const text = { organisation: 'Contoso <b>', contact: 'it@contoso.example' }
const json = (refused: Refused): unknown => JSON.parse(composeRefusal(refused, text).body.toString())
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

t.test('a person gets a page, in which nothing is markup', async (t) => {
  const headers = new HeaderTable(['Accept', 'text/html,*/*', 'Sec-Fetch-Mode', 'navigate'])
  const page = composeRefusal({ ...base, message: '<script>alert(1)</script>', headers }, text)
  t.match(page.body.toString(), /&lt;script&gt;alert\(1\)/)
  t.notMatch(page.body.toString(), /<script>/)
  t.match(page.body.toString(), /Contoso &lt;b&gt;/)
  t.match(header({ ...base, headers }, 'content-security-policy'), /default-src 'none'/)
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
