/** Tickets of a real KDC, shown by the real curl to a running proxy: who passes, who does not, and what rules and events know of it. */
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../proxy/config.ts'
import { openTickets } from '../../proxy/people/open-tickets.ts'
import { noKdc, startKdc, tokenOf } from '../proxy/people/kdc.ts'
import type { Kdc } from '../proxy/people/kdc.ts'
import { noSlapd, PEOPLE, READER, READER_PASSWORD, startSlapd } from '../proxy/people/slapd.ts'
import { noChromium, startChromium } from './chromium.ts'
import { curl } from './curl.ts'
import type { CurlResult } from './curl.ts'
import { events, eventually, metric } from './observe.ts'
import { PLAIN_HOST, startOddOrigin } from './odd-origin.ts'
import { MESSAGE, withRules } from './policies.ts'
import { CONTENT, connect, dialProxy, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const ARGS = ['-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream']

async function tests(kdc: Kdc): Promise<void> {
  t.teardown(() => kdc.close())
  const keytab = kdc.keytab('http.keytab', 'HTTP/localhost')
  const dir = t.testdir()
  const file = join(dir, 'users.yaml')
  await writeFile(file, JSON.stringify({ users: { Anna: { groups: ['finance'] }, bob: {} } }))
  const odd = await startOddOrigin()
  t.teardown(() => odd.close())
  const world = await startWorld({
    config: origin => ({
      proxy: { auth: 'negotiate' }, people: { file, kerberos: { keytab } },
      upstream: { hosts: { ...origin.upstreamHosts(), [`${PLAIN_HOST}:80`]: odd.hosts[`${PLAIN_HOST}:80`] }, ca: [origin.caFile] },
    }),
  })
  t.teardown(() => world.close())
  const { origin } = world
  /** By its name: for an address there is no ticket. */
  const proxy = world.proxy.replace('127.0.0.1', 'localhost')
  kdc.signIn('anna')
  kdc.signIn('bob')
  const ask = (as: string, args: readonly string[]): Promise<CurlResult> =>
    curl(['--proxy-negotiate', '--proxy-user', ':', ...args], { proxy, caFile: world.caFile, env: kdc.env(as) })
  const upload = (as: string): Promise<CurlResult> => ask(as, ['-v', ...ARGS, '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`])
  /** The status of a CONNECT with this credential, and the whole head of the answer. */
  const tunnel = async (credential: string | Buffer | null): Promise<{ status: number, head: string }> => {
    const value = typeof credential === 'string' ? credential : `Negotiate ${(credential ?? Buffer.alloc(0)).toString('base64')}`
    const { socket, status, head } = await connect(world, `${CONTENT}:443`, credential === null ? {} : { field: `Proxy-Authorization: ${value}` })
    socket.destroy()
    return { status, head }
  }

  await t.test('who has a ticket passes; rules by user and group, and events, know him', async (t) => {
    await world.setPolicy(withRules(
      { id: 'not-finance', when: { activity: 'upload', group: 'finance' }, action: 'block', message: MESSAGE },
      { id: 'watch-bob', when: { activity: 'upload', user: 'bob' }, action: 'log' },
    ))
    const anna = await upload('anna')
    t.equal(anna.status, 403, anna.stderr)
    t.match(anna.stdout, MESSAGE)
    const bob = await upload('bob')
    t.equal(bob.status, 200, bob.stderr)
    t.equal(origin.stored().length, 1)
    t.ok(await eventually(async () => (await events(world)).filter(({ user }) => user !== undefined).length >= 2))
    t.match((await events(world)).filter(({ user }) => user !== undefined).map(({ user, rule }) => ({ user, rule })),
      [{ user: { name: 'Anna', roles: ['finance'] }, rule: { id: 'not-finance' } }, { user: { name: 'bob' }, rule: { id: 'watch-bob' } }])
    t.match(bob.stderr, /< Proxy-Authenticate: Negotiate \S{100,}/, 'the proxy proves itself too')
  })

  await t.test('who has none is asked for one, and nothing is forwarded', async (t) => {
    await origin.reset()
    const nobody = await upload('nobody')
    t.equal(nobody.code, 56, 'no tunnel')
    t.match(nobody.stderr, /< HTTP\/1\.1 407 /)
    t.match(nobody.stderr, /< Proxy-Authenticate: Negotiate\r?\n/)
    const token = await tokenOf(kdc, 'bob')
    t.equal((await tunnel(token)).status, 200)
    const changed = await tokenOf(kdc, 'bob')
    changed.writeUInt8(changed.readUInt8(changed.length - 9) ^ 1, changed.length - 9)
    const cases: readonly [string, string | Buffer | null][] = [
      ['nothing', null], ['a password', `Basic ${Buffer.from('anna:anna').toString('base64')}`], ['no token', 'Negotiate'], ['garbage', Buffer.from('garbage')],
      ['a used token', token], ['a changed token', changed], ['a clock that is wrong', await tokenOf(kdc, 'bob', { at: '+20m' })],
      ['another service\'s ticket', await tokenOf(kdc, 'bob', { service: 'host' })],
      ['NTLM', Buffer.from('NTLMSSP\0\x01\0\0\0\x07\x82\x08\xa2', 'latin1')], ['NTLM by its own name', `NTLM ${Buffer.from('NTLMSSP\0').toString('base64')}`],
      ['the size of the largest that Windows makes', Buffer.alloc(48_000, 0x60)],
    ]
    const before = await metric(world, 'sluice_refused_total', { code: 'client.unauthenticated' })
    for (const [what, credential] of cases) {
      const { status, head } = await tunnel(credential)
      t.equal(status, 407, what)
      t.match(head, /^Proxy-Authenticate: Negotiate\r$/m, what)
    }
    t.equal(await metric(world, 'sluice_refused_total', { code: 'client.unauthenticated' }) - before, cases.length)
    const huge = await dialProxy(world)
    huge.write(`CONNECT ${CONTENT}:443 HTTP/1.1\r\nHost: ${CONTENT}:443\r\nProxy-Authorization: Negotiate ${'A'.repeat(70_000)}\r\n\r\n`)
    t.equal((await huge.response()).status, 431)
    huge.close()
    t.equal(origin.requests().length, 0)
  })

  await t.test('plain HTTP: the connection is the user\'s, but not where a proxy is between; no token goes on', async (t) => {
    const seen = odd.seen.length
    t.equal((await ask('nobody', [`http://${PLAIN_HOST}/`])).status, 407)
    t.equal(odd.seen.length, seen)
    t.equal((await ask('bob', [`http://${PLAIN_HOST}/`])).status, 200)
    t.equal(odd.seen.length, seen + 1)
    const wire = await dialProxy(world)
    const head = async (...fields: string[]): Promise<number> => {
      wire.write([`HEAD http://${PLAIN_HOST}/ HTTP/1.1`, `Host: ${PLAIN_HOST}`, ...fields, '', ''].join('\r\n'))
      return (await wire.response({ head: true })).status
    }
    t.equal(await head(), 407)
    t.equal(await head(`Proxy-Authorization: Negotiate ${(await tokenOf(kdc, 'bob')).toString('base64')}`), 200)
    t.equal(await head(), 200)
    t.equal(await head('Via: 1.1 other'), 407)
    t.equal(await head(), 200)
    t.equal(await head('Proxy-Authorization: Negotiate AAAA'), 407)
    t.equal(await head(), 407, 'a token that does not hold ends it')
    wire.close()
    t.notMatch(JSON.stringify(odd.seen), /proxy-authorization|Negotiate/i)
  })

  await t.test('Chromium signs in by itself', { skip: noChromium() }, async (t) => {
    await world.setPolicy(withRules())
    await origin.reset()
    const start = (as: string): ReturnType<typeof startChromium> => {
      const { KRB5_CONFIG = '', KRB5CCNAME = '' } = kdc.env(as)
      return startChromium({ proxy: `--proxy-server=${proxy}`, roots: [world.caFile, origin.caFile], env: { KRB5_CONFIG, KRB5CCNAME } })
    }
    const written = (await events(world)).length
    const asked = await metric(world, 'sluice_refused_total', { code: 'client.unauthenticated' })
    const browser = await start('anna')
    t.teardown(() => browser.close())
    t.equal((await browser.visit('https://contoso.sharepoint.com/')).status, 200)
    t.equal((await browser.page.goto(`http://${PLAIN_HOST}/`))?.status(), 200)
    t.ok(await metric(world, 'sluice_refused_total', { code: 'client.unauthenticated' }) > asked, 'it waits until it is asked')
    t.strictSame((await events(world)).slice(written).filter(({ sluice }) => sluice.reasons.includes('unauthenticated')), [], 'which is no event')
    const stranger = await start('nobody')
    t.teardown(() => stranger.close())
    await t.rejects(stranger.visit('https://contoso.sharepoint.com/'))
  })

  await t.test('groups of a directory service, which is asked without a password', { skip: noSlapd() }, async (t) => {
    const slapd = await startSlapd({ anna: 'x', bob: 'x' }, { pilots: ['bob'] })
    t.teardown(() => slapd.close())
    const passwordFile = join(dir, 'reader')
    await writeFile(passwordFile, READER_PASSWORD)
    const other = await startWorld({
      config: {
        proxy: { auth: 'negotiate' },
        people: { kerberos: { keytab }, ldap: { url: `ldaps://localhost:${slapd.tlsPort}`, ca: slapd.caFile, bindDn: READER, passwordFile, base: PEOPLE } },
      },
    })
    t.teardown(() => other.close())
    await other.setPolicy(withRules({ id: 'not-pilots', when: { activity: 'upload', group: 'pilots' }, action: 'block', message: MESSAGE }))
    const status = async (as: string): Promise<number> => (await curl(
      ['--proxy-negotiate', '--proxy-user', ':', ...ARGS, '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`],
      { proxy: other.proxy.replace('127.0.0.1', 'localhost'), caFile: other.caFile, env: kdc.env(as) },
    )).status
    t.equal(await status('bob'), 403)
    t.equal(await status('anna'), 200)
  })

  await t.test('the KDC is not asked: who has his ticket gets through while it is gone', async (t) => {
    await origin.reset()
    await kdc.stop()
    t.equal((await upload('bob')).status, 200)
    await kdc.start()
  })

  await t.test('no token, nor what is in it, is in an event', async (t) => {
    const text = await readFile(join(world.dir, 'events.ndjson'), 'utf8')
    t.match(text, 'unauthenticated')
    t.notMatch(text, /Negotiate|YII[A-Za-z0-9+/]{20}/)
  })

  await t.test('a keytab that is not there, open to others or of another service stops the start, and sluice check', async (t) => {
    const start = async (kerberos: object): Promise<void> => {
      const config = join(dir, 'sluice.yaml')
      await writeFile(config, JSON.stringify({ proxy: { auth: 'negotiate' }, people: { kerberos }, certs: { dir: join(dir, 'ca') } }))
      const acceptor = await openTickets(loadConfig({ file: config, env: {} }))
      acceptor?.close()
    }
    await start({ keytab })
    await start({ keytab, principal: 'HTTP/localhost@SLUICE.TEST', realms: ['SLUICE.TEST'] })
    await t.rejects(start({ keytab: join(dir, 'none') }), { code: 'config.unreadable', message: /people\.kerberos\.keytab.*ENOENT/ })
    await t.rejects(start({ keytab: dir }), { code: 'config.unreadable', message: /not a file/ })
    await t.rejects(start({ keytab: kdc.keytab('host.keytab', 'host/localhost') }), { code: 'kerberos.keytab', message: /no key for HTTP/ })
    const open = join(dir, 'open.keytab')
    await copyFile(keytab, open)
    await chmod(open, 0o644)
    await t.rejects(start({ keytab: open }), { code: 'kerberos.keytab', message: /open to group or others/, remedy: /chmod 600/ })
  })
}

const skip = noKdc()
if (skip !== false) t.plan(0, skip)
else await tests(await startKdc(['anna', 'bob']))
