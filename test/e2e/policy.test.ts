/** Each condition of a policy decides a real request; each request leaves one event that tells what was decided. */
import t from 'tap'
import type { When } from '../../policy/schema.ts'
import { curl } from './curl.ts'
import { ALLOW_ALL, MESSAGE, withRules } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const CONTOSO = 'https://contoso-my.sharepoint.com/personal/fay/Documents/a.txt'
const FABRIKAM = 'https://fabrikam-my.sharepoint.com/personal/finn/Documents/a.txt'
const GRAPH = 'https://graph.microsoft.com/v1.0/me/drive/root:/a.txt:/content'
const DRIVE = 'https://www.googleapis.com/upload/drive/v3/files?uploadType=media'
const DRIVE_LIST = 'https://www.googleapis.com/drive/v3/files'
const PUT = ['-X', 'PUT', '-d', 'hello']
const POST = ['-X', 'POST', '-d', 'hello']
const CHROME = 'Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'
const LISTED_DIRECTORY = '11111111-2222-3333-4444-555555555555'
const OTHER_DIRECTORY = '99999999-8888-7777-6666-555555555555'

/** A token that is never verified, as anyone can write one. */
function bearer(tid: string): readonly string[] {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return ['-H', `Authorization: Bearer ${part({ alg: 'RS256', kid: 'unknown' })}.${part({ tid })}.FAKE`]
}

const FOREIGN_BLOCKED = withRules({
  id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block', message: MESSAGE,
})

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world

/** 403 and nothing reached the origin, or the origin's own answer. */
async function isBlocked(args: readonly string[]): Promise<boolean> {
  await origin.reset()
  const { status, code, stderr, stdout } = await curl(args, world)
  if (code !== 0) throw new Error(`curl: ${stderr}`)
  const blocked = status === 403
  const arrived = origin.requests().length
  if (arrived !== (blocked ? 0 : 1)) throw new Error(`status ${status}, but ${arrived} requests at the origin`)
  if (blocked && !stdout.includes(MESSAGE)) throw new Error(`a refusal without the message: ${stdout}`)
  return blocked
}

interface Case {
  readonly name: string
  readonly when: When
  readonly blocked: readonly string[]
  readonly passes: readonly string[]
}

const CONDITIONS: readonly Case[] = [
  { name: 'provider', when: { provider: 'google-drive' }, blocked: [...POST, DRIVE], passes: [...PUT, GRAPH] },
  { name: 'activity', when: { activity: 'upload' }, blocked: [...POST, DRIVE], passes: [DRIVE_LIST] },
  { name: 'method', when: { method: ['PUT', 'PATCH'] }, blocked: [...PUT, GRAPH], passes: [...POST, DRIVE] },
  {
    name: 'size', when: { activity: 'upload', size: { atLeast: 6 } },
    blocked: ['-X', 'POST', '-d', '123456', DRIVE], passes: [...POST, DRIVE],
  },
  {
    name: 'userAgent matches', when: { userAgent: { matches: '^Tool/[0-9]+$' } },
    blocked: ['-A', 'Tool/42', DRIVE_LIST], passes: ['-A', 'Tool/x', DRIVE_LIST],
  },
  {
    name: 'userAgent contains', when: { userAgent: { contains: 'rclone' } },
    blocked: ['-A', 'my RClone/1', DRIVE_LIST], passes: [DRIVE_LIST],
  },
  { name: 'client class', when: { client: 'cli' }, blocked: [DRIVE_LIST], passes: ['-A', CHROME, DRIVE_LIST] },
  {
    name: 'source', when: { source: '127.0.0.8/29' },
    blocked: ['--interface', '127.0.0.9', DRIVE_LIST], passes: ['--interface', '127.0.0.7', DRIVE_LIST],
  },
  {
    name: 'not', when: { activity: 'upload', not: { client: 'browser' } },
    blocked: [...POST, DRIVE], passes: ['-A', CHROME, ...POST, DRIVE],
  },
  { name: 'tenant id', when: { activity: 'upload', tenant: 'fabrikam' }, blocked: [...PUT, FABRIKAM], passes: [...PUT, CONTOSO] },
]

for (const { name, when, blocked, passes } of CONDITIONS) {
  t.test(`the condition ${name} blocks what it names and nothing else`, async (t) => {
    await world.setPolicy(withRules({ id: 'the-rule', when, action: 'block', message: MESSAGE }))
    t.equal(await isBlocked(blocked), true)
    t.equal(await isBlocked(passes), false)
  })
}

t.test('standings follow the allowlist', async (t) => {
  await world.setPolicy(FOREIGN_BLOCKED)
  t.equal(await isBlocked([...PUT, FABRIKAM]), false, 'without an allowlist nobody is foreign')
  await world.api('PUT', '/v1/tenants/microsoft/contoso', { aliases: [LISTED_DIRECTORY] })
  t.equal(await isBlocked([...PUT, FABRIKAM]), true)
  t.equal(await isBlocked([...PUT, CONTOSO]), false)
  t.equal(await isBlocked([...POST, DRIVE]), false, 'the list says nothing about Google')
  await world.setPolicy({
    default: 'block', unknownTenant: 'block', rules: [
      { id: 'own', when: { activity: 'upload', tenant: 'sanctioned' }, action: 'allow' },
      { id: 'rest', when: {}, action: 'block', message: MESSAGE },
    ],
  })
  t.equal(await isBlocked([...PUT, CONTOSO]), false)
  t.equal(await isBlocked([...PUT, FABRIKAM]), true)
  t.equal(await isBlocked([...PUT, GRAPH]), true, 'a place that names no tenant')
})

t.test('a token that nobody verified denies, and never allows', async (t) => {
  await world.setPolicy(FOREIGN_BLOCKED)
  t.equal(await isBlocked([...PUT, GRAPH]), false)
  t.equal(await isBlocked([...PUT, ...bearer(OTHER_DIRECTORY), GRAPH]), true)
  t.equal(await isBlocked([...PUT, ...bearer(LISTED_DIRECTORY), GRAPH]), false, 'no reason to deny')
  t.equal(await isBlocked([...PUT, ...bearer(LISTED_DIRECTORY), FABRIKAM]), true, 'the place written to counts')
  await world.setPolicy({
    default: 'allow', unknownTenant: 'allow', rules: [
      { id: 'own', when: { activity: 'upload', tenant: ['sanctioned', LISTED_DIRECTORY] }, action: 'allow' },
      { id: 'rest', when: { activity: 'upload' }, action: 'block', message: MESSAGE },
    ],
  })
  t.equal(await isBlocked([...PUT, ...bearer(LISTED_DIRECTORY), GRAPH]), true, 'no reason to allow')
  t.equal(await isBlocked([...PUT, CONTOSO]), false)
})

t.test('monitor mode records what it would have done and does nothing', async (t) => {
  await world.setPolicy(withRules({
    id: 'try', mode: 'monitor', when: { activity: 'upload' }, action: 'block', message: MESSAGE,
  }))
  const before = (await eventsSoFar(world)).length
  t.equal(await isBlocked([...POST, DRIVE]), false)
  t.match(origin.stored(), [{ size: 5 }])
  const [event] = (await eventsSoFar(world)).slice(before)
  t.match(event?.sluice, { action: 'allow', monitored: [{ rule: 'try', action: 'block' }] })
})

t.test('log notes the rule and reads on', async (t) => {
  await world.setPolicy(withRules(
    { id: 'note', when: { activity: 'upload' }, action: 'log' },
    { id: 'stop', when: { method: 'PUT' }, action: 'block', message: MESSAGE },
  ))
  const before = (await eventsSoFar(world)).length
  t.equal(await isBlocked([...POST, DRIVE]), false)
  t.equal(await isBlocked([...PUT, GRAPH]), true)
  const [passed, stopped] = (await eventsSoFar(world)).slice(before)
  t.match(passed, { rule: { id: 'note' }, sluice: { action: 'log', noted: ['note'] } })
  t.match(stopped, { rule: { id: 'stop' }, sluice: { action: 'block', noted: ['note'] } })
})

t.test('a disabled rule decides nothing, and an earlier allow ends the reading', async (t) => {
  const block = { when: { activity: 'upload' as const }, action: 'block' as const, message: MESSAGE }
  await world.setPolicy(withRules({ id: 'off', enabled: false, ...block }))
  t.equal(await isBlocked([...POST, DRIVE]), false)
  await world.setPolicy(withRules(
    { id: 'first', when: { provider: 'google-drive' }, action: 'allow' },
    { id: 'second', ...block },
  ))
  t.equal(await isBlocked([...POST, DRIVE]), false)
  t.equal(await isBlocked([...PUT, GRAPH]), true)
})

t.test('each request leaves exactly one event, in the Elastic Common Schema', async (t) => {
  await world.setPolicy(ALLOW_ALL)
  const before = (await eventsSoFar(world)).length
  const sent = [
    [...POST, DRIVE], [...PUT, '--http2', GRAPH], [DRIVE_LIST], ['-I', DRIVE_LIST], [...PUT, FABRIKAM],
    [...POST, '-H', 'Transfer-Encoding: chunked', '--http1.1', DRIVE],
  ]
  for (const args of sent) await curl(args, world)
  await world.setPolicy(withRules({ id: 'stop', when: { activity: 'upload' }, action: 'block', message: MESSAGE }))
  const refused = await curl(['-D', '-', '--http1.1', ...POST, DRIVE], world)
  const events = (await eventsSoFar(world)).slice(before)
  t.equal(events.length, sent.length + 1)
  t.equal(new Set(events.map(({ event }) => event.id)).size, events.length)
  for (const event of events) {
    t.match(event, {
      '@timestamp': /^\d{4}-\d\d-\d\dT[\d:.]+Z$/, ecs: { version: String },
      source: { ip: '127.0.0.1' }, event: { id: /^[\w-]{16,}$/ },
      url: { domain: String, path: String }, user_agent: { original: /^curl\// }, http: { request: { method: String } },
      sluice: { action: /^(allow|block)$/, client_class: 'cli', revision: Number },
    })
  }
  t.match(events[1], {
    event: { action: 'upload', outcome: 'success' }, url: { domain: 'graph.microsoft.com' },
    http: { version: '2', request: { method: 'PUT', body: { bytes: 5 } }, response: { status_code: 201 } },
    file: { name: 'a.txt' },
    sluice: {
      action: 'allow', cut: false,
      operation: { provider: 'onedrive', activity: 'upload', step: 'single', size: { bytes: 5, is: 'exact' } },
    },
  })
  const last = events.at(-1)
  t.match(last, {
    event: { outcome: 'failure', reason: MESSAGE }, rule: { id: 'stop' },
    http: { request: { body: { bytes: 0 } }, response: { status_code: 403 } }, sluice: { action: 'block', reasons: ['no-allowlist', 'rule'] },
  })
  t.match(refused.stdout, new RegExp(`sluice-event: ${last?.event.id ?? ''}\r\n`, 'i'), 'the client was told the event\'s id')
})
