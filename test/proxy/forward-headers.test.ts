import t from 'tap'
import { asHttp2, requestHeaders, responseHeaders, upgradeHeaders } from '../../proxy/forward-headers.ts'
import { readHead } from '../../proxy/head.ts'

const VIA = '1.1 sluice-test'

function forward(rawHeaders: string[], version: 1 | 2 = 1, method = 'POST', ends = false): string[] {
  const raw = { method, url: '/', rawHeaders, httpVersionMajor: version, httpVersionMinor: version === 1 ? 1 : 0 }
  return requestHeaders(rawHeaders, readHead(raw, 'https', ends), [], VIA)
}

t.test('order, case and repeats are kept', async (t) => {
  const sent = ['X-B', '1', 'Host', 'a.example', 'x-a', '2', 'X-B', '3', 'Content-Length', '4']
  t.strictSame(forward([...sent, 'Via', '1.0 before']), [...sent, 'Via', '1.0 before', 'Via', VIA], 'Sluice is the last that it went through')
})

t.test('what belongs to one hop does not pass, nor what Connection names', async (t) => {
  const out = forward([
    'Host', 'a.example', 'Connection', 'close, X-Secret', 'X-Secret', '1', 'Keep-Alive', '5', 'Proxy-Authorization', 'Basic x', 'Proxy-Connection', 'x',
    'TE', 'gzip', 'Upgrade', 'h2c', 'HTTP2-Settings', 'x', 'Expect', '100-continue', 'Trailer', 'x', 'Transfer-Encoding', 'chunked', 'X-Kept', '1',
  ])
  t.strictSame(out, ['Host', 'a.example', 'X-Kept', '1', 'Via', VIA, 'Transfer-Encoding', 'chunked'])
})

t.test('Connection cannot strip what is decided by', async (t) => {
  const out = forward(['Host', 'a.example', 'Connection', 'host, content-length, authorization, dropbox-api-arg, via', 'Authorization', 'Bearer x', 'Dropbox-API-Arg', '{}', 'Content-Length', '1', 'Via', '1.0 before'])
  t.strictSame(out, ['Host', 'a.example', 'Authorization', 'Bearer x', 'Dropbox-API-Arg', '{}', 'Content-Length', '1', 'Via', '1.0 before', 'Via', VIA])
})

t.test('what names another host, path or method to servers behind the front does not pass, underscores or not', async (t) => {
  const elsewhere = [
    'X-Original-URL', '/x', 'x-rewrite-url', '/x', 'X-Forwarded-Host', 'b.example', 'X_Forwarded_Host', 'b.example', 'X-Host', 'b.example', 'Forwarded', 'for=10.0.0.1;host=b.example',
    'X_HTTP_Method_Override', 'PUT', 'X-HTTP_Method', 'PUT', 'Dropbox_API_Arg', '{}', 'content_length', '9', 'Transfer_Encoding', 'chunked', 'Authorization_', 'x',
  ]
  t.strictSame(forward(['Host', 'a.example', ...elsewhere, 'Forwarded', 'for=10.0.0.1', 'X_Kept', '1', 'X-Forwarded-For', '10.0.0.1'], 1, 'GET'),
    ['Host', 'a.example', 'Authorization_', 'x', 'Forwarded', 'for=10.0.0.1', 'X_Kept', '1', 'X-Forwarded-For', '10.0.0.1', 'Via', VIA])
})

t.test('HTTP/2 becomes HTTP/1.1', async (t) => {
  t.strictSame(
    forward([':method', 'POST', ':authority', 'a.example', ':path', '/', ':scheme', 'https', 'cookie', 'a=1', 'cookie', 'b=2', 'x', 'y'], 2),
    ['Host', 'a.example', 'cookie', 'a=1; b=2', 'x', 'y', 'Via', VIA, 'Transfer-Encoding', 'chunked'],
  )
  t.strictSame(forward([':authority', 'a.example:8443'], 2, 'POST', true), ['Host', 'a.example:8443', 'Via', VIA, 'Content-Length', '0'])
})

t.test('a method that may have a body says that it has none', async (t) => {
  t.strictSame(forward(['Host', 'a.example']), ['Host', 'a.example', 'Via', VIA, 'Content-Length', '0'])
  t.strictSame(forward(['Host', 'a.example'], 1, 'GET'), ['Host', 'a.example', 'Via', VIA])
})

t.test('tenant restrictions of a client do not pass, however they are spelt; own ones do, whatever Connection names', async (t) => {
  const sent = [
    'Host', 'a.example', 'Restrict-Access-To-Tenants', 'evil.example', 'restrict-access-to-tenants', 'evil.example',
    'RESTRICT_ACCESS_TO_TENANTS', 'evil.example', 'Restrict.Access-To_Tenants', 'evil.example', 'restrict-access-context', 'x',
    'Sec-Restrict-Tenant-Access-Policy', 'restrict-msa', 'X-GoogApps-Allowed-Domains', 'evil.example', 'x_googapps_allowed_domains', 'x',
    'X-Dropbox-Allowed-Team-Ids', '1', 'x-slack-allowed-workspaces', 'T1', 'X-Slack-Allowed-Workspaces-Requester', 'T1',
    'Sec-GitHub-Allowed-Enterprise', '1', 'X-Goog-Allowed-Resources', 'e30', 'CiscoSpark-Allowed-Domains', 'x', 'Asana-Allowed-Domain-Ids', '1',
    'Asana-Allowed-Domains-Requester-Id', '1', 'ChatGPT-Allowed-Workspace-Id', 'x', 'OpenAI-Allowed-Organization-Ids', 'x',
    'anthropic-allowed-org-ids', 'x;n=2', 'anthropic-allowed-org-ids1', 'y', 'X-Restrict-Access', 'kept',
  ]
  t.strictSame(forward(sent, 1, 'GET'), ['Host', 'a.example', 'X-Restrict-Access', 'kept', 'Via', VIA])
  t.strictSame(forward([':authority', 'a.example', ...sent.slice(2).map((text, i) => i % 2 === 0 ? text.toLowerCase() : text)], 2, 'GET', true),
    ['Host', 'a.example', 'x-restrict-access', 'kept', 'Via', VIA])

  const named = ['Host', 'a.example', 'Connection', 'Upgrade, X-GoogApps-Allowed-Domains, x-other', 'Upgrade', 'websocket', 'X-Other', '1']
  const head = readHead({ method: 'GET', url: '/', rawHeaders: named, httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', true)
  const own = [['X-GoogApps-Allowed-Domains', 'contoso.com']] as const
  t.strictSame(requestHeaders(named, head, own, VIA), ['Host', 'a.example', 'X-GoogApps-Allowed-Domains', 'contoso.com', 'Via', VIA])
  t.strictSame(upgradeHeaders(named, head, own, VIA),
    ['Host', 'a.example', 'X-GoogApps-Allowed-Domains', 'contoso.com', 'Via', VIA, 'Connection', 'Upgrade', 'Upgrade', 'websocket'])
})

t.test('responses', async (t) => {
  t.strictSame(
    responseHeaders(['Set-Cookie', 'a', 'Alt-Svc', 'h3=":443"', 'Connection', 'X-Hop', 'X-Hop', '1', 'Set-Cookie', 'b', 'Transfer-Encoding', 'chunked', 'ETag', 'x']),
    ['Set-Cookie', 'a', 'Set-Cookie', 'b', 'ETag', 'x'],
  )
  t.same(asHttp2(['Set-Cookie', 'a', 'set-cookie', 'b', 'Set-Cookie', 'c', 'ETag', 'x']), { 'set-cookie': ['a', 'b', 'c'], etag: 'x' })
})
