/** Tenant restrictions as the origin sees them: on exactly the listed hosts, whatever way a request comes and whatever its client says. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import WebSocket from 'ws'
import { portOf } from '../origin/control.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { eventually, events } from './observe.ts'
import { ask2, connect, dialProxy, openHttp, openHttp2, secure } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const DIRECTORY = '11111111-2222-3333-4444-555555555555'
const ORGANISATION = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'
const world = await startWorld({
  config: {
    tenants: {
      restrict: {
        microsoft: { directory: DIRECTORY }, google: 'on', dropbox: true, slack: { workspace: 'T0123ABCD' }, github: 'on', webex: 'on',
        asana: { requester: '77' }, chatgpt: 'on', claude: 'on', gcp: { organizations: ['123456789'] },
      },
    },
  },
})
t.teardown(() => world.close())

const TENANTS: readonly (readonly [account: string, id: string, ...aliases: string[]])[] = [
  ['microsoft', 'contoso', 'contoso.com'], ['google', 'contoso.com'], ['dropbox', 'dbtid:aah', '4875936'], ['slack', 't0123abcd'],
  ['github', '4711'], ['webex', 'contoso.com'], ['asana', '1234'], ['chatgpt', ORGANISATION], ['claude', ORGANISATION],
]

/** What is to be found, by host; nothing on all others. */
const GOOGLE = { 'x-googapps-allowed-domains': 'contoso.com' }
const CLOUD = {
  'x-goog-allowed-resources': Buffer.from('{"resources":["organizations/123456789"],"options":"strict"}').toString('base64url'),
}
const ENTRA = { 'restrict-access-to-tenants': 'contoso.com', 'restrict-access-context': DIRECTORY }
const DROPBOX = { 'x-dropbox-allowed-team-ids': '4875936' }
const SLACK = { 'x-slack-allowed-workspaces-requester': 'T0123ABCD', 'x-slack-allowed-workspaces': 'T0123ABCD' }
const GITHUB = { 'sec-github-allowed-enterprise': '4711' }
const CLAUDE = { 'anthropic-allowed-org-ids': ORGANISATION }
const WEBEX = { 'ciscospark-allowed-domains': 'contoso.com' }
const EXPECTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'login.microsoftonline.com': ENTRA, 'login.microsoft.com': ENTRA, 'login.windows.net': ENTRA,
  'login.live.com': { 'sec-restrict-tenant-access-policy': 'restrict-msa' },
  'slack.com': SLACK, 'app.slack.com': SLACK, 'wss-primary.slack.com': SLACK,
  'github.com': GITHUB, 'api.github.com': GITHUB, 'api.githubcopilot.com': GITHUB,
  'idbroker.webex.com': WEBEX, 'atlas-a.wbx2.com': WEBEX,
  'app.asana.com': { 'asana-allowed-domains-requester-id': '77', 'asana-allowed-domain-ids': '1234' },
  'chatgpt.com': { 'chatgpt-allowed-workspace-id': ORGANISATION }, 'claude.ai': CLAUDE, 'api.anthropic.com': CLAUDE,
}

function expected(host: string): Readonly<Record<string, string>> {
  if (host === 'storage.cloud.google.com') return { ...GOOGLE, ...CLOUD }
  if (host.endsWith('.google.com')) return GOOGLE
  if (host.endsWith('.googleapis.com')) return CLOUD
  return /(?:^|\.)dropbox\.com$/.test(host) ? DROPBOX : EXPECTED[host] ?? {}
}

/** What a client may say to get around it: other cases, repeats, underscores, fields of other providers. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['Restrict-Access-To-Tenants', 'evil.example'], ['restrict-access-to-tenants', 'evil.example'],
  ['RESTRICT_ACCESS_TO_TENANTS', 'evil.example'], ['Restrict-Access_Context', ORGANISATION], ['sec-Restrict-Tenant-Access-Policy', 'x:y'],
  ['X-GoogApps-Allowed-Domains', 'consumer_accounts'], ['X_GoogApps-Allowed-Domains', 'consumer_accounts'], ['X-Dropbox-allowed-Team-Ids', '1'], ['X-Slack-Allowed-Workspaces', 'T9'],
  ['X-Slack-Allowed-Workspaces-Requester', 'T9'], ['sec-GitHub-allowed-enterprise', '1'], ['X-Goog-Allowed-Resources', 'e30'],
  ['CiscoSpark-Allowed-Domains', 'x'], ['Asana-Allowed-Domain-Ids', '1'], ['Asana-Allowed-Domains-Requester-Id', '1'],
  ['ChatGPT-Allowed-Workspace-Id', 'x'], ['anthropic-allowed-org-ids', 'x;n=2'], ['anthropic-allowed-org-ids1', 'y'],
]
const NAMES = new RegExp(`^(?:${[...new Set(HOSTILE.map(([name]) => name.toLowerCase().replaceAll('_', '-')))].join('|')})$`)

/** All that the last request to a host brought of this kind, its own spelling kept. */
function seen(host: string): [string, string][] {
  const record = world.origin.requests().findLast((request) => request.host === host)
  return (record?.rawHeaders ?? []).filter(([name]) => NAMES.test(name.toLowerCase().replaceAll('_', '-')))
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
}

const isOpened = (host: string): boolean => !/^(?:device\.login\.|enterpriseregistration\.)|\.example(?:\.com)?$/.test(host)

/** The certificate that a client of the host gets: Sluice's where the tunnel was opened. */
async function issuer(of: World, host: string): Promise<'sluice' | 'origin'> {
  const { socket } = await connect(of, `${host}:443`)
  try {
    const secured = await secure(of, socket, host)
    secured.destroy()
    return 'sluice'
  } catch {
    socket.destroy()
    return 'origin'
  }
}

t.before(async () => {
  for (const [account, id, ...aliases] of TENANTS) {
    const { status } = await world.api('PUT', `/v1/tenants/${account}/${encodeURIComponent(id)}`, { aliases })
    if (status >= 300) throw new Error(`${account} ${id}: ${status}`)
  }
  await world.sluice.snapshot.refresh()
})

const hosts = world.origin.hosts.filter(isOpened)

t.test('HTTP/1.1: own fields on exactly the listed hosts, and none of the client\'s anywhere', async t => {
  for (const host of hosts) {
    const fields = HOSTILE.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const all = [...new Set(HOSTILE.map(([name]) => name))].join(', ')
    for (const connection of ['close', `close, ${all}`]) {
      await world.origin.reset()
      const wire = await openHttp(world, host)
      wire.write(`GET /there HTTP/1.1\r\nHost: ${host}\r\nConnection: ${connection}\r\n${fields}\r\n`)
      await wire.response()
      wire.close()
      t.strictSame(Object.fromEntries(seen(host)), expected(host), `${host}, Connection: ${connection.slice(0, 10)}`)
      t.equal(seen(host).length, Object.keys(expected(host)).length, 'each once')
    }
  }
})

t.test('HTTP/2: the same', async t => {
  for (const host of hosts) {
    await world.origin.reset()
    const session = await openHttp2(world, host)
    const lower = new Map<string, string[]>()
    for (const [name, value] of HOSTILE) lower.set(name.toLowerCase(), [...lower.get(name.toLowerCase()) ?? [], value])
    await ask2(session, { ':method': 'GET', ':path': '/there', ...Object.fromEntries(lower) })
    session.destroy()
    t.strictSame(Object.fromEntries(seen(host)), expected(host), host)
    t.equal(seen(host).length, Object.keys(expected(host)).length, `${host}: each once`)
  }
})

t.test('preflights, uploads and every other method carry them', async t => {
  for (const method of ['OPTIONS', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH']) {
    for (const host of ['login.microsoftonline.com', 'www.dropbox.com', 'drive.google.com', 'app.slack.com']) {
      await world.origin.reset()
      const session = await openHttp2(world, host)
      await ask2(session, {
        ':method': method, ':path': '/there', origin: 'https://www.dropbox.com', 'x-googapps-allowed-domains': 'evil.example',
        ...method === 'OPTIONS' && {
          'access-control-request-method': 'POST', 'access-control-request-headers': 'x-googapps-allowed-domains',
        },
      })
      session.destroy()
      t.strictSame(Object.fromEntries(seen(host)), expected(host), `${method} ${host}`)
    }
  }
})

t.test('WebSocket upgrades carry them', async t => {
  for (const host of ['wss-primary.slack.com', 'app.asana.com', 'chatgpt.com', 'drive.google.com']) {
    await world.origin.reset()
    const agent = proxyAgent(world.proxy, readFileSync(world.caFile, 'utf8'))
    const headers = { 'X-GoogApps-Allowed-Domains': 'evil.example', x_slack_allowed_workspaces: 'T9' }
    const socket = new WebSocket(`wss://${host}/ws`, { agent, headers })
    await once(socket, 'open')
    t.strictSame(Object.fromEntries(seen(host)), expected(host), host)
    socket.terminate()
  }
})

t.test('what is not to be opened is not', async t => {
  for (const host of ['device.login.microsoftonline.com', 'enterpriseregistration.windows.net', 'spliced.example']) {
    t.equal(await issuer(world, host), 'origin', host)
  }
  t.equal(await issuer(world, 'slack.com'), 'sluice')
})

t.test('a change of the allowlist counts for the next request on an open connection', async t => {
  const session = await openHttp2(world, 'accounts.google.com')
  t.teardown(() => session.destroy())
  t.equal((await world.api('PUT', '/v1/tenants/google/fabrikam.com', {})).status, 200)
  await ask2(session, { ':path': '/there' })
  t.strictSame(seen('accounts.google.com'), [['x-googapps-allowed-domains', 'contoso.com,fabrikam.com']])
  await world.api('DELETE', '/v1/tenants/google/fabrikam.com')
  await ask2(session, { ':path': '/there' })
  t.strictSame(seen('accounts.google.com'), [['x-googapps-allowed-domains', 'contoso.com']])
})

t.test('with nobody to name, a host is closed, also to upgrades; others are not', async t => {
  await world.origin.reset()
  t.equal((await world.api('DELETE', '/v1/tenants/slack/t0123abcd')).status, 204)
  const session = await openHttp2(world, 'app.slack.com')
  const { status, body } = await ask2(session, { ':path': '/there' })
  session.destroy()
  t.equal(status, 403)
  t.match(body, /restriction\.empty/)
  const agent = proxyAgent(world.proxy, readFileSync(world.caFile, 'utf8'))
  const socket = new WebSocket('wss://app.slack.com/ws', { agent })
  socket.on('error', () => undefined)
  const [, response] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
  t.equal(response.statusCode, 403)
  socket.terminate()
  t.strictSame(world.origin.requests(), [], 'nothing left')
  t.ok(await eventually(async () => (await events(world)).some(({ destination, sluice }) =>
    destination.domain === 'app.slack.com' && sluice.action === 'block' && sluice.reasons.includes('destination-refused'))))
  t.equal((await world.api('PUT', '/v1/tenants/slack/t0123abcd', {})).status, 200)
})

t.test('plain HTTP through the proxy is no way around', async t => {
  const heads: string[][] = []
  const server = createServer((request, response) => {
    heads.push(request.rawHeaders)
    response.end('here')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = `127.0.0.1:${portOf(server.address())}`
  const other = await startWorld({
    config: {
      tenants: { restrict: { dropbox: 'on' } },
      upstream: { hosts: { 'www.dropbox.com:80': address, 'plain.example:80': address } },
    },
  })
  t.teardown(() => other.close())
  const ask = async (host: string): Promise<number> => {
    const wire = await dialProxy(other)
    wire.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nX-Dropbox-allowed-Team-Ids: 1\r\nx_dropbox_allowed_team_ids: 1\r\n\r\n`)
    const { status } = await wire.response()
    wire.close()
    return status
  }
  t.equal(await ask('www.dropbox.com'), 403, 'nobody is listed yet')
  t.equal((await other.api('PUT', '/v1/tenants/dropbox/4875936', {})).status, 200)
  await other.sluice.snapshot.refresh()
  t.equal(await ask('www.dropbox.com'), 200)
  t.equal(await ask('plain.example'), 200)
  const said = heads.map(head => head.filter((_, i) => /dropbox.allowed/i.test(head[i - (i % 2)] ?? '')))
  t.strictSame(said, [['X-Dropbox-allowed-Team-Ids', '4875936'], []])
})

t.test('of a sign-in nothing but host, path and outcome is kept', async t => {
  const secrets = ['SECRETCODE', 'SECRETSTATE', 'SECRETREFRESH', 'SECRETHINT', 'SECRETCOOKIE', 'SECRETBEARER']
  for (const host of [
    'login.microsoftonline.com', 'accounts.google.com', 'oauth2.googleapis.com', 'login.live.com', 'account.box.com', 'auth.wetransfer.com',
  ]) {
    const session = await openHttp2(world, host)
    const body = Buffer.from('grant_type=refresh_token&refresh_token=SECRETREFRESH&code=SECRETCODE')
    const headers = {
      ':method': 'POST', ':path': '/common/oauth2/v2.0/token?code=SECRETCODE&state=SECRETSTATE&login_hint=SECRETHINT',
      'content-type': 'application/x-www-form-urlencoded', cookie: 'a=SECRETCOOKIE', authorization: 'Bearer SECRETBEARER',
    }
    await ask2(session, headers, body)
    session.destroy()
    t.ok(await eventually(async () => (await events(world)).some(({ destination, http }) =>
      destination.domain === host && http.request.method === 'POST')), host)
  }
  const kept = JSON.stringify(await events(world))
  for (const secret of secrets) t.notMatch(kept, secret)
})

t.test('the PAC file sends here what a restriction is for, and no more', async t => {
  for (const [restrict, has] of [[{ github: 'on' }, true], [{}, false]] as const) {
    const other = await startWorld({ config: { tenants: { restrict }, pac: 'providers' } })
    const script = await (await fetch(`${other.proxy}/proxy.pac`)).text()
    await other.close()
    t.equal(script.includes('"github.com"'), has)
    t.equal(script.includes('.githubcopilot.com'), has)
    t.notMatch(script, 'slack.com')
  }
})

t.test('while nothing is restricted or learned, sign-in hosts pass unread; one of them is enough', async t => {
  for (const [tenants, opened] of [
    [{ learn: false }, []],
    [{ learn: false, restrict: { google: 'on' } }, ['accounts.google.com']],
    [{}, ['login.microsoftonline.com', 'accounts.google.com']],
  ] as const) {
    const other = await startWorld({ config: { tenants } })
    for (const host of ['login.microsoftonline.com', 'accounts.google.com', 'slack.com']) {
      const by = opened.some(name => name === host) ? 'sluice' : 'origin'
      t.equal(await issuer(other, host), by, `${JSON.stringify(tenants)} ${host}`)
    }
    await other.close()
  }
})
