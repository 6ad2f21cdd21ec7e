/** A directory service behind a running proxy: passwords, groups that change, and what holds while it is away. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Attribute, Change } from 'ldapts'
import { GROUPS, noSlapd, PEOPLE, READER, READER_PASSWORD, startSlapd } from '../proxy/people/slapd.ts'
import type { Slapd } from '../proxy/people/slapd.ts'
import { curl } from './curl.ts'
import { events, eventually, metric } from './observe.ts'
import { MESSAGE, withRules } from './policies.ts'
import { CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const ARGS = ['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream']

/** The status of an upload; 0 where there was no tunnel. */
async function upload(world: World, as: string): Promise<number> {
  const { status, code } = await curl(['--proxy-user', as, ...ARGS, '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], world)
  return code === 0 ? status : 0
}

async function open(slapd: Slapd, more: Record<string, unknown> = {}): Promise<World> {
  const dir = t.testdir()
  const passwordFile = join(dir, 'reader')
  await writeFile(passwordFile, `${READER_PASSWORD}\n`)
  return startWorld({
    config: {
      proxy: { auth: 'basic' },
      people: {
        ldap: { url: `ldaps://localhost:${slapd.tlsPort}`, ca: slapd.caFile, bindDn: READER, passwordFile, base: PEOPLE, timeout: '500ms', ...more },
      },
    },
  })
}

async function move(slapd: Slapd, operation: 'add' | 'delete', uid: string, group: string): Promise<void> {
  await slapd.administrate(client => client.modify(`cn=${group},${GROUPS}`,
    new Change({ operation, modification: new Attribute({ type: 'member', values: [`uid=${uid},${PEOPLE}`] }) })))
}

const BLOCK_FINANCE = withRules({ id: 'not-finance', when: { activity: 'upload', group: 'finance' }, action: 'block', message: MESSAGE })

async function tests(slapd: Slapd): Promise<void> {
  t.teardown(() => slapd.close())

  await t.test('a bind proves who it is, and the groups decide; a change is seen when the answer is too old', async (t) => {
    const world = await open(slapd, { cache: '1s' })
    t.teardown(() => world.close())
    await world.setPolicy(BLOCK_FINANCE)
    t.equal(await upload(world, 'ANNA:annas'), 403, 'her first request waited for her groups')
    t.equal(await upload(world, 'bob:bobs'), 200)
    for (const as of ['anna:wrong', 'nobody:x', '*:annas', '*)(uid=*:annas', 'anna:']) t.equal(await upload(world, as), 0, as)
    t.ok(await eventually(async () => (await events(world)).some(({ user }) => user?.name === 'anna' && user.roles?.includes('finance') === true)))
    await move(slapd, 'add', 'bob', 'finance')
    t.ok(await eventually(async () => await upload(world, 'bob:bobs') === 403), 'bob has joined')
    await move(slapd, 'delete', 'bob', 'finance')
    t.ok(await eventually(async () => await upload(world, 'bob:bobs') === 200), 'bob has left')
  })

  await t.test('away: what was known goes on, whose groups are not known is blocked where a rule names one', async (t) => {
    const world = await open(slapd, { cache: '1s' })
    t.teardown(() => world.close())
    await world.setPolicy(BLOCK_FINANCE)
    t.equal(await upload(world, 'bob:bobs'), 200)
    await slapd.stop()
    t.ok(await eventually(async () => await upload(world, 'bob:bobs') === 200 && await metric(world, 'sluice_ldap_up') === 0))
    t.ok(await eventually(async () => await upload(world, 'bob:bobs') === 200
      && (await events(world)).some(({ sluice }) => sluice.reasons.includes('groups-stale'))))
    t.equal(await upload(world, 'eve:eves'), 0, 'nobody can tell whether it is she')
    t.ok(await metric(world, 'sluice_refused_total', { code: 'client.unverified' }) > 0)
    t.match(await (await fetch(`${world.admin}/readyz`)).text(), /degraded/)
    const explain = async (user: string): Promise<unknown> => (await world.api('POST', '/v1/decisions', {
      method: 'POST', url: `https://${CONTENT}${UPLOAD}`, headers: { 'Dropbox-API-Arg': '{"path":"/a"}' }, size: 1, client: { user },
    })).json()
    t.match(await explain('eve'), { decision: { action: 'block', ruleId: 'not-finance', reasons: ['groups-unavailable', 'no-allowlist', 'rule'] } })
    t.match(await explain('bob'), { decision: { action: 'allow', reasons: ['groups-stale'] } })
    await slapd.start()
    t.ok(await eventually(async () => await upload(world, 'eve:eves') === 200, 15_000))
    t.equal(await metric(world, 'sluice_ldap_up'), 1)
  })

  await t.test('away at the start, addresses name users: a rule for a group lets nobody through by it', async (t) => {
    await slapd.stop()
    const world = await startWorld({
      config: {
        people: {
          networks: { '127.0.0.0/8': { user: 'bob' } }, ldap: { url: `ldaps://localhost:${slapd.tlsPort}`, ca: slapd.caFile, base: PEOPLE, timeout: '500ms' },
        },
      },
    })
    t.teardown(() => world.close())
    await world.setPolicy({
      default: 'block', unknownTenant: 'block', rules: [{ id: 'staff', when: { activity: 'upload', group: 'staff' }, action: 'allow' }],
    })
    t.equal(await upload(world, 'x:y'), 403)
    await world.setPolicy(withRules({ id: 'staff', when: { activity: 'upload' }, enforceFor: { groups: 'staff' }, action: 'block' }))
    t.equal(await upload(world, 'x:y'), 403)
    await world.setPolicy(withRules({ id: 'any', when: { activity: 'upload' }, action: 'log' }))
    t.equal(await upload(world, 'x:y'), 200, 'where no rule asks for groups, nobody minds')
    const unavailable = async (): Promise<readonly boolean[]> => (await events(world)).map(({ sluice }) => sluice.reasons.includes('groups-unavailable'))
    t.ok(await eventually(async () => (await unavailable()).length === 3))
    t.strictSame(await unavailable(), [true, true, false])
    await slapd.start()
  })
}

const skip = noSlapd()
if (skip !== false) t.plan(0, skip)
else await tests(await startSlapd({ anna: 'annas', bob: 'bobs', eve: 'eves' }, { finance: ['anna'], staff: ['bob', 'eve'] }))
