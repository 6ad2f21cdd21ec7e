/** What was decided, from the request to the event API, the simulation and the erasure: through a running proxy. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { formatPasswordHash } from '../../policy/people/password-hash.ts'
import { main } from '../../proxy/cli.ts'
import { hashPassword } from '../../proxy/people/password.ts'
import { curl } from './curl.ts'
import { eventually } from './observe.ts'
import { ALLOW_ALL, CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const PASSWORD = 'five apples'
const hash = formatPasswordHash(await hashPassword(PASSWORD))
const dir = t.testdir({ 'users.yaml': JSON.stringify({ users: { Anna: { password: hash, groups: ['finance'] }, bob: { password: hash } } }) })

const world = (pseudonymise: boolean) => startWorld({ config: { proxy: { auth: 'basic' }, people: { file: join(dir, 'users.yaml') }, events: { pseudonymise } } })
const put = (on: World, user: string, bytes = 1) => curl(['--proxy-user', `${user}:${PASSWORD}`, '-H', 'Authorization: Bearer FAKE-TOKEN',
  '-H', 'Dropbox-API-Arg: {"path":"/plan.txt"}', '-H', 'Content-Type: application/octet-stream', '--data-binary', 'x'.repeat(bytes), `https://${CONTENT}${UPLOAD}`], on)
const NO_ANNA = { ...ALLOW_ALL, rules: [{ id: 'not-anna', when: { activity: 'upload', user: 'anna' }, action: 'block' }] }
interface Told { readonly event: { readonly id: string }; readonly user?: { readonly name: string }; readonly source: Readonly<Record<string, unknown>> }
const list = async (on: World, query = '') => (await (await on.api('GET', `/v1/events${query}`)).json() as { events: readonly Told[]; source: string })
const texts = async (on: World) => (await Promise.all((await readdir(on.dir)).filter(name => name.startsWith('events'))
  .map(name => readFile(join(on.dir, name), 'utf8')))).join('')

t.test('a decision is found by filter and by id, heard as it is made, and replayed on a draft', async t => {
  const sluice = await world(false)
  t.teardown(() => sluice.close())
  await sluice.setPolicy(NO_ANNA)
  const heard = await sluice.api('GET', '/v1/events/stream?action=block')
  const reader = heard.body?.pipeThrough(new TextDecoderStream()).getReader()
  const refused = await put(sluice, 'Anna')
  t.equal(refused.status, 403)
  t.equal((await put(sluice, 'bob', 2_000)).status, 200)
  t.ok(await eventually(async () => (await list(sluice, '?activity=upload')).events.length === 2))
  const { events: [blocked], source } = await list(sluice, '?action=block&user=ANNA&rule=not-anna&since=1h')
  t.equal(source, 'files')
  const id = blocked?.event.id ?? ''
  t.match(await (await sluice.api('GET', `/v1/events/${id}`)).json(), { event: { id }, user: { name: 'Anna' }, source: { ip: '127.0.0.1' } })
  let told = ''
  while (!told.includes('data:')) told += (await reader?.read())?.value ?? ''
  t.match(told, `"id":"${id}"`)
  await reader?.cancel()

  const draft = { ...ALLOW_ALL, rules: [{ id: 'large', when: { size: { atLeast: '1KB' }, group: 'finance' }, action: 'block' }] }
  const simulate = async (policy: unknown, more: object = {}) => (await sluice.api('POST', '/v1/policy/simulate', { policy, ...more })).json()
  t.match(await simulate(draft), { changed: 1, byRule: [{ before: 'not-anna', after: null, changes: [{ from: 'block', to: 'allow', events: 1 }] }], inexact: [] })
  t.match(await simulate(NO_ANNA, { against: 'recorded' }), { events: 2, changed: 0, inexact: [] }, 'the same policy decides the same')
})

t.test('with pseudonyms no name and no address is written anywhere, and yet each person is one', async t => {
  const sluice = await world(true)
  t.teardown(() => sluice.close())
  await sluice.setPolicy(ALLOW_ALL)
  for (const user of ['Anna', 'Anna', 'bob']) t.equal((await put(sluice, user)).status, 200)
  t.ok(await eventually(async () => (await list(sluice, '?activity=upload')).events.length === 3))
  t.notMatch(await texts(sluice), /\b(?:anna|bob)\b|127\.0\.0\.1/i)
  const usage = await (await sluice.api('GET', '/v1/usage?by=user')).json() as { rows: readonly [{ key: string }, { key: string }] }
  t.match(usage, { rows: [{ key: /^u-[0-9a-f]{24}$/, count: 2 }, { key: /^u-/, count: 1 }] })
  t.match(await list(sluice, '?user=anna&activity=upload'), { events: [{ user: { name: usage.rows[0].key }, source: { address: /^ip-/ } }, {}] })
  // Whoever is no admin may not find out who is who.
  const viewer = await (await sluice.api('POST', '/v1/tokens', { label: 'v', role: 'viewer' })).json() as { secret: string }
  const asViewer = async (user: string) => {
    const answer = await sluice.api('GET', `/v1/events?user=${user}`, undefined, { authorization: `Bearer ${viewer.secret}` })
    return await answer.json() as { events: readonly Told[] }
  }
  t.strictSame((await asViewer('anna')).events, [])
  t.ok((await asViewer(usage.rows[1].key)).events.length > 0)
  t.match(await (await sluice.api('POST', '/v1/policy/simulate', { policy: NO_ANNA })).json(), { changed: 2, inexact: [] }, 'rules name people still')
})

t.test('a person\'s events are erased from a running proxy and by the command line, and the audit does not say whose', async t => {
  const sluice = await world(false)
  t.teardown(() => sluice.close())
  await sluice.setPolicy(ALLOW_ALL)
  for (const user of ['Anna', 'bob', 'Anna']) await put(sluice, user)
  t.ok(await eventually(async () => (await list(sluice, '?activity=upload')).events.length === 3))
  t.match(await (await sluice.api('DELETE', '/v1/events?user=anna')).json(), { erased: Number, unread: [] })
  t.notMatch(await texts(sluice), /\banna\b/i)
  t.match((await list(sluice, '?activity=upload')).events.map(({ user }) => user?.name), ['bob'])
  t.match(await (await sluice.api('GET', '/v1/usage?by=user')).json(), { rows: [{ key: 'bob' }] })
  t.equal((await put(sluice, 'Anna')).status, 200, 'events go on being written')
  t.ok(await eventually(async () => /Anna/.test(await texts(sluice))))

  const file = join(sluice.dir, 'sluice.yaml')
  let [out, err] = ['', '']
  const code = await main(['--config', file, 'events', 'erase', '--user', 'ANNA'], { env: {}, out: text => { out += text }, err: text => { err += text } })
  t.equal(code, 0, err)
  t.match(out, /: \d+ events? removed\n/)
  t.notMatch(await texts(sluice), /\banna\b/i)
  await put(sluice, 'bob')
  t.ok(await eventually(async () => (await texts(sluice)).split('"dropbox"').length > 2))
  const audit = await (await sluice.api('GET', '/v1/audit')).text()
  t.equal(audit.split('events.erase').length - 1, 2)
  t.match(audit, /"u-[0-9a-f]{24}"/)
  t.notMatch(audit, /\banna\b/i)
})
