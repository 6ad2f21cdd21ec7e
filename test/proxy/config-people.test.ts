import { stringify } from 'yaml'
import t from 'tap'
import { parseKerberos } from '../../proxy/config-kerberos.ts'
import { formatLdap, formatPlaces, needsStartTls, parseLdap, parsePlaces } from '../../proxy/config-people.ts'
import { loadConfig } from '../../proxy/config.ts'
import { describeConfig, openings } from '../../proxy/config-describe.ts'
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'

const LEAST = { url: 'ldaps://directory.example', base: 'ou=people,dc=example' }

t.test('what is left out has its default', (t) => {
  const settings = parseLdap(LEAST)
  t.match(settings, {
    bindDn: null, userName: 'uid', userFilter: '(uid={user})', groupAttribute: 'memberOf', groupBase: null, groupFilter: '(member={dn})', groupName: 'cn',
    insecure: false, timeout: 2_000, cache: 300_000,
  })
  t.equal(parseLdap({ ...LEAST, userName: 'sAMAccountName' }).userFilter, '(sAMAccountName={user})')
  t.strictSame(parseLdap(formatLdap(settings)), settings)
  t.strictSame(parseLdap(formatLdap(parseLdap({ ...LEAST, url: ['ldaps://a', 'ldaps://b'] }))).url, ['ldaps://a', 'ldaps://b'])
  t.ok(parseLdap({ ...LEAST, groupFilter: '(member:1.2.840.113556.1.4.1941:={dn})' }))
  t.end()
})

t.test('passwords do not travel without TLS, but on this machine', (t) => {
  const needs = (url: string, insecure = false): boolean => needsStartTls(parseLdap({ ...LEAST, url }).url[0] ?? '', { insecure })
  t.ok(needs('ldap://directory.example'))
  t.ok(needs('ldap://10.0.0.1:389'))
  t.notOk(needs('ldap://127.0.0.1'))
  t.notOk(needs('ldap://[::1]'))
  t.notOk(needs('ldaps://directory.example'))
  t.notOk(needs('ldap://directory.example', true))
  t.end()
})

t.test('a fault says what is wrong, and repeats no secret', (t) => {
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ url: 'http://x' }, /must have a url such as ldaps/], [{ url: 'ldaps://u:hunter2@x' }, /without user, password/], [{ url: 'ldaps://x/dc=example' }, /path/],
    [{ url: [] }, /must have a url/], [{ url: ['ldaps://a', 'x'] }, /must have a url/], [{ base: null }, /must have a base/], [{ bindDn: 'cn=x' }, /both bindDn and passwordFile/], [{ basse: 'x' }, /did you mean base/],
    [{ userFilter: '(uid=x)' }, /userFilter with \{user\}/], [{ userFilter: '(uid={user}' }, /RFC 4515/], [{ userFilter: '(uid={dn})' }, /userFilter with/],
    [{ groupAttribute: 'a b' }, /name of an attribute/], [{ timeout: '0s' }, /timeout from 100ms to 1m/], [{ insecure: 'yes' }, /true or false/], [{ ca: [1] }, /ca/],
  ]
  for (const [more, says] of cases) {
    t.throws(() => parseLdap({ ...LEAST, ...more }), { message: says })
    t.throws(() => parseLdap({ ...LEAST, ...more }), { message: /^(?!.*hunter2)/ })
  }
  t.throws(() => parsePlaces({ '10.0.0.1/8': { user: 'a' } }), { message: /10\.0\.0\.1\/8.*bits/ })
  t.throws(() => parsePlaces({ '10.0.0.0/8': {} }), { message: /user, groups, or both/ })
  t.throws(() => parsePlaces({ '10.0.0.0/8': { user: ' a' } }), { message: /without spaces/ })
  t.throws(() => parsePlaces({ '10.0.0.1': { user: 'a' }, '10.0.0.1/32': { user: 'b' } }), { message: /twice/ })
  const places = parsePlaces({ '10.0.0.0/8': { user: 'a', groups: ['b'] } })
  t.strictSame(parsePlaces(formatPlaces(places)), places)
  t.end()
})

t.test('a keytab, and whose tickets are taken', (t) => {
  t.strictSame(parseKerberos({ keytab: 'a' }), { keytab: 'a', principal: null, realms: null })
  t.match(parseKerberos({ keytab: 'a', principal: 'HTTP/p.example@EXAMPLE', realms: ['A', 'B'] }), { principal: 'HTTP/p.example@EXAMPLE', realms: ['A', 'B'] })
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ keytab: '' }, /must have a keytab/], [{ principal: 'HTTP/p.example' }, /principal such as/], [{ principal: 'p.example@EXAMPLE' }, /principal such as/],
    [{ realms: 'A' }, /list of realms/], [{ realms: ['A@B'] }, /list of realms/], [{ realm: 'A' }, /did you mean realms/],
  ]
  for (const [more, says] of cases) t.throws(() => parseKerberos({ keytab: 'a', ...more }), { message: says })
  const load = (env: NodeJS.ProcessEnv): unknown => loadConfig({ env })
  t.throws(() => load({ SLUICE_PROXY_AUTH: 'negotiate' }), { message: /^proxy\.auth .*people\.kerberos/ })
  t.throws(() => load({ SLUICE_PEOPLE_KERBEROS: '{ keytab: a }' }), { message: /^people\.kerberos .*proxy\.auth is none/ })
  const config = loadConfig({ env: { SLUICE_PROXY_AUTH: 'negotiate', SLUICE_PEOPLE_KERBEROS: '{ keytab: a }', SLUICE_PROXY_LISTEN: '0.0.0.0:3128' } })
  t.match(describeConfig(config), /kerberos:\n +keytab: a/)
  t.match(openings(config).join('\n'), /whoever has a ticket.*\n.*another node with the same key takes it/)
  const several = loadConfig({ env: { SLUICE_PROXY_AUTH: 'negotiate', SLUICE_PEOPLE_KERBEROS: '{ keytab: a, realms: [A.EXAMPLE, B.EXAMPLE] }' } })
  t.match(openings(several).join('\n'), /of one name in A\.EXAMPLE and B\.EXAMPLE are one/)
  t.end()
})

t.test('sluice check shows it, and says what it leaves open', async (t) => {
  const file = join(t.testdir(), 'sluice.yaml')
  const load = async (config: object): Promise<ReturnType<typeof loadConfig>> => {
    await writeFile(file, stringify(config))
    return loadConfig({ file, env: {} })
  }
  const config = await load({
    proxy: { listen: '0.0.0.0:3128', auth: 'basic' },
    people: { networks: { '10.0.0.0/8': { groups: ['staff'] } }, ldap: { ...LEAST, url: 'ldap://directory.example', insecure: true } },
  })
  t.match(describeConfig(config), /groups:\n\s+- staff/)
  t.match(describeConfig(config), 'timeout: 2s')
  const said = openings(config).join('\n')
  for (const part of ['proxy.auth basic: passwords travel', 'people.ldap.insecure', 'whoever has a password']) t.match(said, part)
  await t.rejects(load({ proxy: { auth: 'basic' } }), { message: /people\.file or people\.ldap/ })
  await t.rejects(load({ people: { ldap: { url: 'x' } } }), { message: /people\.ldap .*must have a url/ })
  t.match((await load({ people: { networks: {} } })).people, { file: null, networks: [], ldap: null })
})
