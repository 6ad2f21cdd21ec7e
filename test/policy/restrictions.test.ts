/** Which field goes to which host with which value, by configuration and allowlist. */
import t from 'tap'
import type { Tenant } from '../../policy/operation.ts'
import { allowlistNotes, unrestrictedHosts } from '../../policy/restriction-notes.ts'
import { VALUE_MAX } from '../../policy/restriction-table.ts'
import { compileRestrictions, hostsToOpen } from '../../policy/restrictions.ts'
import type { Restrict } from '../../policy/restrictions.ts'

const DIRECTORY = '11111111-2222-3333-4444-555555555555'
const POLICY = '99999999-2222-3333-4444-555555555555'
const PARTNER = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'
const V1: Restrict = { microsoft: { directory: DIRECTORY, policy: null, consumer: 'block' } }

const tenant = (account: Tenant['account'], id: string, ...aliases: string[]): Tenant =>
  ({ account, id, ...aliases.length > 0 && { aliases } })
const ALLOWLIST: readonly Tenant[] = [
  tenant('microsoft', 'contoso', 'contoso.com', PARTNER), tenant('microsoft', 'fabrikam.onmicrosoft.com'),
  tenant('google', 'contoso.com', '*.contoso.com', 'sub.contoso.com'), tenant('google', 'personal'),
  tenant('dropbox', 'dbtid:aah-x_y', '4875936'), tenant('slack', 't0123abcd', 'e0456efgh'), tenant('github', 'contoso', '4711'),
  tenant('webex', 'contoso.com'), tenant('asana', '1234567890'), tenant('chatgpt', PARTNER), tenant('claude', DIRECTORY, PARTNER),
]

t.test('each field on exactly its hosts', async t => {
  const cases: [Restrict, string, [string, string][]][] = [
    [V1, 'login.microsoftonline.com', [
      ['Restrict-Access-To-Tenants', `contoso.com,${PARTNER},fabrikam.onmicrosoft.com`], ['Restrict-Access-Context', DIRECTORY],
    ]],
    [V1, 'login.live.com', [['sec-Restrict-Tenant-Access-Policy', 'restrict-msa']]],
    [{ microsoft: { directory: DIRECTORY, policy: null, consumer: 'allow' } }, 'login.live.com', []],
    [{ microsoft: { directory: DIRECTORY, policy: POLICY, consumer: 'block' } }, 'login.windows.net',
      [['sec-Restrict-Tenant-Access-Policy', `${DIRECTORY}:${POLICY}`]]],
    [{ microsoft: { directory: DIRECTORY, policy: POLICY, consumer: 'block' } }, 'login.live.com',
      [['sec-Restrict-Tenant-Access-Policy', `${DIRECTORY}:${POLICY}`]]],
    [{ google: {} }, 'accounts.google.com', [['X-GoogApps-Allowed-Domains', 'contoso.com,sub.contoso.com,consumer_accounts']]],
    [{ google: {} }, 'google.com', [['X-GoogApps-Allowed-Domains', 'contoso.com,sub.contoso.com,consumer_accounts']]],
    [{ dropbox: {} }, 'www.dropbox.com', [['X-Dropbox-allowed-Team-Ids', '4875936']]],
    [{ slack: { workspace: 'T0123ABCD' } }, 'app.slack.com',
      [['X-Slack-Allowed-Workspaces-Requester', 'T0123ABCD'], ['X-Slack-Allowed-Workspaces', 'T0123ABCD,E0456EFGH']]],
    [{ github: {} }, 'api.github.com', [['sec-GitHub-allowed-enterprise', 'contoso,4711']]],
    [{ webex: {} }, 'idbroker.webex.com', [['CiscoSpark-Allowed-Domains', 'contoso.com']]],
    [{ asana: { requester: '1' } }, 'app.asana.com',
      [['Asana-Allowed-Domains-Requester-Id', '1'], ['Asana-Allowed-Domain-Ids', '1234567890']]],
    [{ chatgpt: {} }, 'chatgpt.com', [['ChatGPT-Allowed-Workspace-Id', PARTNER]]],
    [{ claude: {} }, 'api.anthropic.com', [['anthropic-allowed-org-ids', `${DIRECTORY},${PARTNER}`]]],
  ]
  for (const [restrict, host, fields] of cases) {
    const made = compileRestrictions(restrict, ALLOWLIST)
    t.strictSame(made.forHost(host), fields, `${JSON.stringify(restrict)} ${host}`)
    t.notOk(made.isClosed(host), host)
  }
  const all = compileRestrictions({ ...V1, google: {}, dropbox: {}, slack: { workspace: 'T0123ABCD' }, webex: {} }, ALLOWLIST)
  for (const host of [
    'device.login.microsoftonline.com', 'enterpriseregistration.windows.net', 'login.microsoftonline.us', 'xlogin.microsoftonline.com',
    'graph.microsoft.com', 'oauth2.googleapis.com', 'evilgoogle.com', 'google.com.evil.example', 'content.dropboxapi.com',
    'evildropbox.com', 'notslack.com', 'www.webex.com', '',
  ]) t.strictSame(all.forHost(host), [], host)
})

t.test('organisations of Google Cloud as JSON in base64 for URLs', async t => {
  const [field] = compileRestrictions({ gcp: { organizations: ['123', '456'] } }, []).forHost('storage.googleapis.com')
  t.equal(field?.[0], 'X-Goog-Allowed-Resources')
  t.match(field?.[1], /^[A-Za-z0-9_-]+$/)
  const said: unknown = JSON.parse(Buffer.from(field?.[1] ?? '', 'base64url').toString())
  t.same(said, { resources: ['organizations/123', 'organizations/456'], options: 'strict' })
})

t.test('an empty list is never a way in', async t => {
  const restrict: Restrict = {
    ...V1, google: {}, dropbox: {}, slack: { workspace: 'T0123ABCD' }, github: {}, webex: {}, asana: { requester: '1' },
    chatgpt: {}, claude: {},
  }
  const lists: readonly (readonly Tenant[])[] = [[], [
    tenant('microsoft', 'contoso'), tenant('google', '*.contoso.com'), tenant('google', 'dbtid:x'), tenant('dropbox', 'personal'),
    tenant('slack', 'contoso'), tenant('github', 'personal'), tenant('webex', 'personal'), tenant('asana', 'personal'),
    tenant('chatgpt', `x${PARTNER}`), tenant('claude', `${PARTNER}-x`),
  ]]
  for (const allowlist of lists) {
    const made = compileRestrictions(restrict, allowlist)
    for (const host of [
      'accounts.google.com', 'drive.google.com', 'www.dropbox.com', 'slack.com', 'github.com', 'idbroker.webex.com', 'app.asana.com',
      'chatgpt.com', 'claude.ai',
    ]) t.ok(made.isClosed(host), host)
    t.strictSame(made.forHost('login.windows.net'), [['Restrict-Access-To-Tenants', DIRECTORY], ['Restrict-Access-Context', DIRECTORY]])
    t.notOk(made.isClosed('login.windows.net'))
    t.notOk(made.isClosed('content.dropboxapi.com'))
  }
})

t.test('no more ids than a field takes: those that are left out are kept out', async t => {
  const many = Array.from({ length: 25 }, (_, i) => tenant('github', `e${i}`))
  t.equal(compileRestrictions({ github: {} }, many).said.get('sec-github-allowed-enterprise')?.split(',').length, 20)
  t.match(allowlistNotes({ github: {} }, many), [/takes 20 ids \(https:\/\/docs\.github\.com.*\); the last 5 of the list are left out/])
  const long = Array.from({ length: 500 }, (_, i) => tenant('google', `${'x'.repeat(40)}${i}.example`))
  const value = compileRestrictions({ google: {} }, long).said.get('x-googapps-allowed-domains') ?? ''
  t.ok(value.length > VALUE_MAX - 60 && value.length <= VALUE_MAX, `${value.length}`)
  t.ok(value.split(',').every(domain => domain.endsWith('.example')), 'whole ids only')
  t.match(allowlistNotes({ google: {} }, long), [/takes 8000 bytes/])
})

t.test('what does not fit is said, and what fits is not', async t => {
  t.strictSame(allowlistNotes({ google: {}, slack: { workspace: 'T0123ABCD' }, dropbox: {} }, ALLOWLIST), [])
  const two = [tenant('microsoft', 'contoso'), tenant('microsoft', 'fabrikam.com')]
  t.match(allowlistNotes(V1, two), [/contoso has no name that Restrict-Access-To-Tenants takes/])
  t.match(allowlistNotes(V1, [tenant('microsoft', 'contoso')]), [/directory alone is let in/])
  t.match(allowlistNotes(V1, [tenant('microsoft', 'contoso.com'), tenant('microsoft', 'personal')]), [/consumer is block/])
  t.match(allowlistNotes({ dropbox: {} }, [tenant('dropbox', 'dbtid:aah')]), [/dropbox\.com, \*\.dropbox\.com are refused/])
  t.strictSame(allowlistNotes({ microsoft: { directory: DIRECTORY, policy: POLICY, consumer: 'block' } }, []), [], 'Entra decides')
})

t.test('what is bypassed is not restricted', async t => {
  const catalogue = ['login.microsoftonline.com', 'login.live.com', 'drive.google.com', 'accounts.google.com', 'www.googleapis.com']
  const found = (restrict: Restrict, ...bypass: string[]) =>
    unrestrictedHosts(restrict, bypass, [...catalogue, ...hostsToOpen(restrict).patterns])
  t.strictSame(found(V1, 'login.live.com', '*.microsoftonline.com', 'graph.microsoft.com'), ['login.live.com', '*.microsoftonline.com'])
  t.strictSame(found({ google: {} }, 'accounts.google.com', 'mail.google.com', '*.google.com'), ['accounts.google.com', '*.google.com'])
  t.strictSame(found({ slack: { workspace: 'T0123ABCD' } }, 'files.slack.com', 'x.example'), ['files.slack.com'])
  t.strictSame(found({}, 'login.live.com'), [])
})

t.test('hosts of no provider are opened for their own restriction only', async t => {
  t.strictSame(hostsToOpen({ ...V1, google: {}, dropbox: {}, gcp: { organizations: ['1'] } }), { patterns: [], domains: [] })
  t.strictSame(hostsToOpen({ github: {} }), {
    patterns: ['github.com', '*.github.com', '*.githubcopilot.com'], domains: ['github.com', 'githubcopilot.com'],
  })
})
