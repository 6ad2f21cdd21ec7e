/** Who somebody is, from his password or address to the decision, the event and the connection to the origin. */
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { formatPasswordHash } from '../../policy/people/password-hash.ts'
import { hashPassword } from '../../proxy/people/password.ts'
import { makeFile } from '../origin/bytes.ts'
import { noRclone, rclone } from '../origin/rclone.ts'
import { curl } from './curl.ts'
import type { CurlResult } from './curl.ts'
import { events, eventually, metric } from './observe.ts'
import { startOddOrigin, PLAIN_HOST } from './odd-origin.ts'
import { MESSAGE, withRules } from './policies.ts'
import { CONTENT, connect, secure, UPLOAD, Wire } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const PASSWORD = 'träumen: 5 Äpfel'
const hash = formatPasswordHash(await hashPassword(PASSWORD))
const OTHER = formatPasswordHash(await hashPassword('another'))

/** YAML takes JSON. */
const USERS = {
  users: {
    Anna: { password: hash, groups: ['finance'] },
    bob: { password: hash },
    late: { password: OTHER },
    lab: { addresses: ['127.0.0.9'] },
  },
  groups: { pilots: ['lab'] },
}

const dir = t.testdir()
const file = join(dir, 'users.yaml')

async function write(users: unknown): Promise<void> {
  await writeFile(`${file}.new`, typeof users === 'string' ? users : JSON.stringify(users))
  await rename(`${file}.new`, file)
}

await write(USERS)
const odd = await startOddOrigin()
t.teardown(() => odd.close())
const world = await startWorld({
  config: origin => ({
    proxy: { auth: 'basic' }, people: { file },
    upstream: { hosts: { ...origin.upstreamHosts(), [`${PLAIN_HOST}:80`]: odd.hosts[`${PLAIN_HOST}:80`] }, ca: [origin.caFile] },
  }),
})
t.teardown(() => world.close())
const { origin } = world

const BLOCK_FINANCE = withRules({ id: 'not-finance', when: { activity: 'upload', group: 'Finance' }, action: 'block', message: MESSAGE })
const ARGS = ['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream']

function upload(as: string | null, on: Pick<World, 'proxy' | 'caFile'> = world, more: readonly string[] = []): Promise<CurlResult> {
  const user = as === null ? [] : ['--proxy-user', as]
  return curl([...user, ...more, ...ARGS, '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`], on)
}

t.test('two people at one address are told apart, and each event names who it was', async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_FINANCE)
  const anna = await upload(`anna:${PASSWORD}`)
  t.equal(anna.status, 403, anna.stderr)
  t.match(anna.stdout, MESSAGE)
  t.equal(origin.stored().length, 0)
  const bob = await upload(`bob:${PASSWORD}`)
  t.equal(bob.status, 200, bob.stderr)
  t.equal(origin.stored().length, 1)
  t.ok(await eventually(async () => (await events(world)).filter(({ user }) => user !== undefined).length >= 2))
  const named = (await events(world)).filter(({ user }) => user !== undefined)
  t.match(named.map(({ user }) => user), [{ name: 'Anna', roles: ['finance'] }, { name: 'bob' }])
  const usage = await (await world.api('GET', '/v1/usage?by=user&over=1h')).text()
  t.match(usage, '"bob"')
  const text = JSON.stringify(await events(world))
  t.notMatch(text, 'pfel', 'no password is in an event')
  t.notMatch(text, Buffer.from(`anna:${PASSWORD}`).toString('base64'))
})

t.test('who does not say who he is, or cannot prove it, gets nowhere', async (t) => {
  await origin.reset()
  const before = await metric(world, 'sluice_refused_total', { code: 'client.unauthenticated' })
  for (const as of [null, 'anna:wrong', 'nobody:x', 'anna:', `:${PASSWORD}`, 'lab:x']) {
    const { code, stderr } = await upload(as, world, ['-v'])
    t.equal(code, 56, `${as}: no tunnel`)
    t.match(stderr, 'HTTP/1.1 407', String(as))
    t.match(stderr, 'Proxy-Authenticate: Basic realm="sluice", charset="UTF-8"')
  }
  t.equal(origin.requests().length, 0)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'client.unauthenticated' }) - before, 6)
  t.ok(await eventually(async () => (await events(world)).some(({ sluice }) => sluice.reasons.includes('unauthenticated'))))
  const { head } = await connect(world, `${CONTENT}:443`, { field: 'Proxy-Authorization: Bearer x' })
  t.match(head, /^HTTP\/1\.1 407 /)
})

t.test('plain HTTP and upgrades are asked too, and the password stays here', async (t) => {
  const plain = `http://${PLAIN_HOST}/`
  const seen = odd.seen.length
  const refused = await curl(['-D', '-', plain], world)
  t.equal(refused.status, 407)
  t.match(refused.stdout, /proxy-authenticate: Basic realm="sluice", charset="UTF-8"/i)
  t.match(refused.stdout, 'client.unauthenticated')
  t.equal(await upgrade(world, plain, {}), 407)
  t.equal(odd.seen.length, seen, 'nothing was forwarded')
  const known = await curl(['--proxy-user', `bob:${PASSWORD}`, plain], world)
  t.equal(known.status, 200, known.stderr)
  t.equal(odd.seen.length, seen + 1)
  t.notOk(odd.seen.at(-1)?.fields.includes('proxy-authorization'))
  await world.setPolicy(withRules())
  await origin.reset()
  t.equal((await upload(`bob:${PASSWORD}`, world, ['-H', 'Proxy-Authorization: Basic eDp5'])).status, 200)
  t.notMatch(JSON.stringify(origin.requests()), /proxy-authorization/i, 'nor one inside the tunnel')
})

t.test('a client that leaves while its password is checked leaves nothing behind', async (t) => {
  const before = (await events(world)).length
  const { hostname, port } = new URL(world.proxy)
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const closed = once(socket.resume(), 'close')
  // A right password that nobody has said yet: its check takes a while.
  const credential = Buffer.from('late:another').toString('base64')
  socket.end(`CONNECT ${CONTENT}:443 HTTP/1.1\r\nHost: ${CONTENT}:443\r\nProxy-Authorization: Basic ${credential}\r\n\r\n`)
  await closed
  t.strictSame((await events(world)).slice(before).filter(({ sluice }) => sluice.reasons.includes('stalled')), [], 'nobody waits for its ClientHello')
})

t.test('a tunnel that passes unopened looks like no leak to Node', async (t) => {
  const warnings: string[] = []
  const note = (warning: Error): void => { warnings.push(String(warning)) }
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const credential = Buffer.from(`anna:${PASSWORD}`).toString('base64')
  const { socket, status } = await connect(world, 'spliced.example:443', { field: `Proxy-Authorization: Basic ${credential}` })
  t.equal(status, 200)
  const wire = new Wire(await secure(world, socket, 'spliced.example', { ca: origin.ca }))
  wire.write('GET / HTTP/1.1\r\nHost: spliced.example\r\nConnection: close\r\n\r\n')
  t.equal((await wire.response()).status, 200)
  wire.close()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0))
  t.strictSame(warnings, [])
})

t.test('what shows how to use the proxy needs no password', async (t) => {
  for (const path of ['/proxy.pac', '/sluice-ca.crt', '/']) t.equal((await fetch(world.proxy + path)).status, 200, path)
})

t.test('rclone with the password in the proxy\'s address', { skip: noRclone() }, async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_FINANCE)
  const { path } = await makeFile(1_000, { dir, name: 'small.bin' })
  const as = (user: string): string => world.proxy.replace('//', `//${user}:${encodeURIComponent(PASSWORD)}@`)
  const blocked = await rclone(['copyto', path, 'dropbox:up/a.bin'], { proxy: as('anna'), caFile: world.caFile })
  t.not(blocked.code, 0)
  t.match(blocked.stderr, MESSAGE)
  const passes = await rclone(['copyto', path, 'dropbox:up/a.bin'], { proxy: as('bob'), caFile: world.caFile })
  t.equal(passes.code, 0, passes.stderr)
  t.equal(origin.stored().length, 1)
})

t.test('a rule is enforced for a group first', async (t) => {
  await origin.reset()
  await world.setPolicy(withRules({
    id: 'trial', when: { activity: 'upload' }, action: 'block', enforceFor: { groups: 'finance' }, message: MESSAGE,
  }))
  t.equal((await upload(`anna:${PASSWORD}`)).status, 403)
  t.equal((await upload(`bob:${PASSWORD}`)).status, 200)
})

t.test('what would be decided is explained with the groups of the user, or those described', async (t) => {
  await world.setPolicy(BLOCK_FINANCE)
  const explain = async (client: object): Promise<unknown> => (await world.api('POST', '/v1/decisions', {
    method: 'POST', url: `https://${CONTENT}${UPLOAD}`, headers: { 'Dropbox-API-Arg': '{"path":"/a"}' }, size: 1, client,
  })).json()
  t.match(await explain({ user: 'ANNA' }), { decision: { action: 'block', ruleId: 'not-finance' } })
  t.match(await explain({ user: 'bob' }), { decision: { action: 'allow' } })
  t.match(await explain({ user: 'bob', groups: ['finance'] }), { decision: { action: 'block' } })
  t.match(await explain({ user: 'anna', groups: [] }), { decision: { action: 'allow' } })
})

t.test('the directory file is read again when it changes; a faulty one changes nothing', async (t) => {
  await world.setPolicy(BLOCK_FINANCE)
  t.equal((await upload(`bob:${PASSWORD}`)).status, 200)
  await write({ users: { ...USERS.users, bob: { password: hash, groups: ['finance'] }, Anna: { password: OTHER } } })
  t.ok(await eventually(async () => (await upload(`bob:${PASSWORD}`)).status === 403), 'another group')
  t.equal((await upload(`anna:${PASSWORD}`)).code, 56, 'a password that was changed is forgotten')
  t.equal((await upload('anna:another')).status, 200)
  const basic = (user: string, password: string): string => `Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const tunnel = async (field: string): Promise<Wire> => {
    const { socket, status } = await connect(world, `${CONTENT}:443`, { field })
    t.equal(status, 200)
    return new Wire(socket)
  }
  const [annas, bobs] = [await tunnel(basic('anna', 'another')), await tunnel(basic('bob', PASSWORD))]
  await write({ users: { ...USERS.users, bob: { password: hash, groups: ['finance'] } } })
  t.ok(await eventually(() => annas.over), 'her tunnel ends with the password that opened it')
  t.notOk(bobs.over, 'others stay')
  bobs.socket.destroy()
  await write('users:\n  bob:\n    password: secret-in-plain\n')
  t.ok(await eventually(async () => await metric(world, 'sluice_people_file_up') === 0))
  t.match(await (await fetch(`${world.admin}/readyz`)).text(), /degraded/)
  t.equal((await upload(`bob:${PASSWORD}`)).status, 403, 'the one before holds')
  await write(USERS)
  t.ok(await eventually(async () => (await upload(`bob:${PASSWORD}`)).status === 200))
  t.equal(await metric(world, 'sluice_people_file_up'), 1)
})

t.test('who is at an address is whom the longest network names, with its groups', async (t) => {
  const quiet = await startWorld({
    config: {
      people: { file, networks: { '127.0.0.0/8': { groups: ['staff'] }, '127.0.0.1/32': { user: 'desk', groups: ['finance'] } } },
    },
  })
  t.teardown(() => quiet.close())
  await quiet.setPolicy(withRules(
    { id: 'pilots', when: { activity: 'upload', group: 'pilots' }, action: 'block', message: MESSAGE },
    { id: 'finance', when: { activity: 'upload', group: 'finance', user: 'desk' }, action: 'block', message: MESSAGE },
    { id: 'staff', when: { activity: 'upload', group: 'staff' }, action: 'log' },
  ))
  const ruleAt = async (address: string): Promise<string | undefined> => {
    const { status, stdout } = await upload(null, quiet, ['--interface', address])
    return `${status} ${/"rule":"([a-z]+)"/.exec(stdout)?.[1] ?? ''}`
  }
  t.match(await ruleAt('127.0.0.1'), '403')
  t.match(await ruleAt('127.0.0.2'), '200')
  t.match(await ruleAt('127.0.0.9'), '403', 'an address from the file')
  const rules = async (): Promise<readonly (string | undefined)[]> => (await events(quiet)).map(({ rule }) => rule.id)
  t.ok(await eventually(async () => (await rules()).length === 3))
  t.strictSame(await rules(), ['finance', 'staff', 'pilots'])
})

/** The status with which an upgrade through the proxy is answered. */
function upgrade(on: World, url: string, headers: Record<string, string>): Promise<number> {
  const { hostname, port } = new URL(on.proxy)
  return new Promise((resolve, reject) => {
    http.get({
      host: hostname, port, path: url, agent: false,
      headers: { Host: PLAIN_HOST, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'eA==', 'Sec-WebSocket-Version': '13', ...headers },
    }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on('upgrade', () => { resolve(101) }).on('error', reject)
  })
}
