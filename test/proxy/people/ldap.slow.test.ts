/** The directory service as it is asked: a real slapd, with and without TLS, away, hostile names. */
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Attribute, Change } from 'ldapts'
import { parseLdap } from '../../../proxy/config-people.ts'
import { LdapDirectory } from '../../../proxy/people/ldap.ts'
import { GROUPS, noSlapd, PEOPLE, READER, READER_PASSWORD, startSlapd } from './slapd.ts'

const skip = noSlapd()
if (skip !== false) t.plan(0, skip)
else await tests()

async function tests(): Promise<void> {
  const slapd = await startSlapd(
    { anna: 'annas', bob: 'bobs', 'o(d)d*': 'odds', 'zoë': 'zoes' },
    { finance: ['anna'], 'Finance, EU': ['anna', 'zoë'], pilots: ['bob', 'o(d)d*'] },
  )
  t.teardown(() => slapd.close())

  const open = (settings: Record<string, unknown> = {}, password = READER_PASSWORD): LdapDirectory => {
    const directory = new LdapDirectory(parseLdap({
      url: `ldaps://localhost:${slapd.tlsPort}`, ca: [slapd.caFile], bindDn: READER, passwordFile: 'x', base: PEOPLE, ...settings,
    }), password)
    t.teardown(() => { directory.close() })
    return directory
  }
  const directory = open()

  await t.test('who proves himself is known by the name that the directory writes', async (t) => {
    const as = (user: string, password: string): Promise<string | null> => directory.authenticate({ user, password })
    t.equal(await as('anna', 'annas'), 'anna')
    t.equal(await as('ANNA', 'annas'), 'anna')
    t.equal(await as('ａｎｎａ', 'annas'), 'anna', 'slapd takes wide letters for plain ones, a rule would not')
    t.equal(await as('zoë', 'zoes'), 'zoë')
    t.equal(await as('anna', 'bobs'), null)
    t.equal(await as('nobody', 'annas'), null)
    t.equal(await as('anna', ''), null, 'this slapd lets a bind without a password pass')
    const byMail = open({ userFilter: '(mail={user})' })
    t.equal(await byMail.authenticate({ user: 'bob@contoso.example', password: 'bobs' }), 'bob')
    t.equal(await byMail.authenticate({ user: 'bob', password: 'bobs' }), null)
  })

  await t.test('a name is a name and nothing of a filter', async (t) => {
    t.equal(await directory.authenticate({ user: 'o(d)d*', password: 'odds' }), 'o(d)d*')
    for (const user of ['*', 'ann*', '*)(uid=*', 'anna)(|(uid=*', 'x)(|(objectClass=*', '\\61nna', 'anna\0', '(uid=anna)']) {
      t.equal(await directory.authenticate({ user, password: 'annas' }), null, JSON.stringify(user))
      t.strictSame((await directory.groups(user)).names, [], JSON.stringify(user))
    }
  })

  await t.test('groups by the attribute of a person, and by a search', async (t) => {
    t.same((await directory.groups('anna')).names.toSorted(), ['Finance, EU', 'finance'])
    t.strictSame(await directory.groups('o(d)d*'), { names: ['pilots'], complete: true })
    t.strictSame(await directory.groups('nobody'), { names: [], complete: true })
    const searched = open({ groupBase: GROUPS })
    t.same((await searched.groups('anna')).names.toSorted(), ['Finance, EU', 'finance'])
    t.strictSame((await searched.groups('o(d)d*')).names, ['pilots'])
    await slapd.administrate(async (client) => {
      const member = new Attribute({ type: 'member', values: [`uid=bob,${PEOPLE}`] })
      await client.modify(`cn=finance,${GROUPS}`, new Change({ operation: 'add', modification: member }))
    })
    t.same((await directory.groups('bob')).names.toSorted(), ['finance', 'pilots'], 'a change is seen')
  })

  await t.test('two with one name are nobody', async (t) => {
    await slapd.administrate(async (client) => {
      await client.add(`cn=twin,${PEOPLE}`, { objectClass: 'inetOrgPerson', cn: 'twin', sn: 'x', uid: 'bob', userPassword: 'bobs' })
    })
    t.equal(await directory.authenticate({ user: 'bob', password: 'bobs' }), null)
    await slapd.administrate(client => client.del(`cn=twin,${PEOPLE}`))
    t.equal(await directory.authenticate({ user: 'bob', password: 'bobs' }), 'bob')
  })

  await t.test('a service that cannot prove itself is not told a password', async (t) => {
    await t.rejects(open({ ca: [slapd.otherCaFile] }).authenticate({ user: 'anna', password: 'annas' }))
    await t.rejects(open({ url: `ldaps://127.0.0.2:${slapd.tlsPort}` }).groups('anna'), 'another name')
    await t.rejects(open({}, 'wrong').groups('anna'), 'the reader is not known')
  })

  await t.test('of several servers, one that answers is found', async (t) => {
    const two = open({ url: ['ldaps://localhost:1', `ldaps://localhost:${slapd.tlsPort}`] })
    t.ok((await two.groups('anna')).names.includes('finance'))
    t.equal(await two.authenticate({ user: 'anna', password: 'annas' }), 'anna')
    t.equal(await two.authenticate({ user: 'anna', password: 'wrong' }), null)
    const none = open({ url: ['ldaps://localhost:1', 'ldaps://localhost:2'] })
    await t.rejects(none.groups('anna'))
  })

  await t.test('off loopback, StartTLS comes before all', { skip: slapd.address === null ? 'no other address' : false }, async (t) => {
    const url = `ldap://${slapd.address ?? ''}:${slapd.port}`
    const upgraded = open({ url })
    t.equal(await upgraded.authenticate({ user: 'anna', password: 'annas' }), 'anna')
    t.ok((await upgraded.groups('anna')).names.includes('finance'))
    await t.rejects(open({ url, ca: [slapd.otherCaFile] }).groups('anna'))
    const heard = await spy(slapd.port, slapd.address ?? '')
    t.teardown(() => heard.close())
    const through = open({ url: `ldap://${slapd.address ?? ''}:${heard.port}` })
    t.equal(await through.authenticate({ user: 'anna', password: 'annas' }), 'anna')
    t.notMatch(heard.text(), 'annas')
    t.notMatch(heard.text(), READER_PASSWORD)
    const plain = open({ url: `ldap://${slapd.address ?? ''}:${heard.port}`, insecure: true })
    await plain.authenticate({ user: 'anna', password: 'annas' })
    const before = heard.connections()
    await plain.authenticate({ user: 'nobody', password: 'annas' })
    t.equal(heard.connections() - before, 1, 'a bind is tried for an unknown user too, and takes its time')
    t.match(heard.text(), 'annas', 'what the spy hears without')
  })

  await t.test('away, it fails in time; back, it is found without a word', async (t) => {
    const quick = open({ timeout: '300ms' })
    t.equal(await quick.authenticate({ user: 'anna', password: 'annas' }), 'anna')
    await slapd.stop()
    await t.rejects(quick.groups('anna'))
    await t.rejects(quick.authenticate({ user: 'anna', password: 'annas' }))
    await slapd.start()
    t.ok((await quick.groups('anna')).names.includes('finance'))
    await slapd.stop()
    await slapd.start()
    t.ok((await quick.groups('anna')).names.includes('finance'), 'as the reader again, not as nobody, where nobody asked in between')
    t.equal(await quick.authenticate({ user: 'anna', password: 'annas' }), 'anna')
    await slapd.freeze()
    await t.rejects(quick.groups('anna'))
    await t.rejects(quick.authenticate({ user: 'anna', password: 'annas' }))
    slapd.thaw()
    t.ok((await quick.groups('anna')).names.includes('finance'))
  })
}

/** Passes connections on to slapd and keeps what was said. */
async function spy(port: number, host: string): Promise<{ port: number; text: () => string; connections: () => number; close: () => void }> {
  const said: Buffer[] = []
  let connections = 0
  const server = net.createServer((socket) => {
    connections++
    const to = net.connect(port, '127.0.0.1')
    for (const [from, other] of [[socket, to], [to, socket]] as const) {
      from.on('data', (chunk: Buffer) => { said.push(chunk); other.write(chunk) })
      from.on('close', () => { other.destroy() }).on('error', () => undefined)
    }
  }).listen(0, host)
  await new Promise(resolve => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port, text: () => Buffer.concat(said).toString('latin1'), connections: () => connections,
    close: () => { server.close() },
  }
}
