/** What is constructed together: who is unknown costs what a known one does. */
import { createHook } from 'node:async_hooks'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { formatPasswordHash } from '../../../policy/people/password-hash.ts'
import { loadConfig } from '../../../proxy/config.ts'
import { HeldTunnels } from '../../../proxy/people/held-tunnels.ts'
import { openPeople } from '../../../proxy/people/open-people.ts'
import { hashPassword } from '../../../proxy/people/password.ts'

t.test('a check of an unknown user runs scrypt too', async (t) => {
  const dir = t.testdir()
  const [file, users] = [join(dir, 'sluice.yaml'), join(dir, 'users.yaml')]
  await writeFile(users, JSON.stringify({ users: { anna: { password: formatPasswordHash(await hashPassword('right')) }, bob: {} } }))
  await writeFile(file, JSON.stringify({ proxy: { auth: 'basic' }, people: { file: users } }))
  const opened = await openPeople(loadConfig({ file, env: {} }), () => undefined)
  t.teardown(() => { opened.close() })
  let runs = 0
  const hook = createHook({ init(_id, type) { if (type === 'SCRYPTREQUEST') runs++ } }).enable()
  t.teardown(() => hook.disable())
  const costOf = async (user: string, password: string): Promise<readonly [number, string]> => {
    const before = runs
    let end: string
    try {
      end = (await opened.authenticate?.(['Proxy-Authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`], '10.0.0.1', {}))?.user ?? ''
    } catch (error) {
      end = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
    return [runs - before, end]
  }
  t.strictSame(await costOf('anna', 'right'), [1, 'anna'])
  t.strictSame(await costOf('Anna', 'right'), [0, 'anna'], 'remembered')
  t.strictSame(await costOf('anna', 'wrong'), [1, 'client.unauthenticated'])
  t.strictSame(await costOf('nobody', 'wrong'), [1, 'client.unauthenticated'])
  t.strictSame(await costOf('bob', 'wrong'), [1, 'client.unauthenticated'], 'nor does it tell who has no password')
})

t.test('an IPv6 network of 64 bits is one who asks: from its many addresses nobody is kept out', async (t) => {
  const dir = t.testdir()
  const [file, users] = [join(dir, 'sluice.yaml'), join(dir, 'users.yaml')]
  await writeFile(users, JSON.stringify({ users: { anna: { password: formatPasswordHash(await hashPassword('right')) } } }))
  await writeFile(file, JSON.stringify({ proxy: { auth: 'basic' }, people: { file: users } }))
  const opened = await openPeople(loadConfig({ file, env: {} }), () => undefined)
  t.teardown(() => { opened.close() })
  const knock = async (password: string, ip: string): Promise<string> => {
    try {
      return (await opened.authenticate?.(['Proxy-Authorization', `Basic ${Buffer.from(`anna:${password}`).toString('base64')}`], ip, {}))?.user ?? ''
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
  }
  const flood = Array.from({ length: 40 }, (_, i) => knock(`wrong ${i}`, `2001:db8::${(i + 1).toString(16)}`))
  const other = knock('right', '2001:db8:0:1::1')
  const ends = await Promise.all(flood.slice(16))
  t.ok(ends.every(end => end === 'client.too-many-attempts'), 'no more wait than of one address')
  t.equal(await other, 'anna')
  await Promise.all(flood)
})

t.test('a reload checks those alone again whose password is another', async (t) => {
  const dir = t.testdir()
  const [file, users] = [join(dir, 'sluice.yaml'), join(dir, 'users.yaml')]
  const [one, two] = [formatPasswordHash(await hashPassword('one')), formatPasswordHash(await hashPassword('two'))]
  await writeFile(users, JSON.stringify({ users: { anna: { password: one }, bob: { password: one }, eve: { password: one } } }))
  await writeFile(file, JSON.stringify({ proxy: { auth: 'basic' }, people: { file: users } }))
  const opened = await openPeople(loadConfig({ file, env: {} }), () => undefined)
  t.teardown(() => { opened.close() })
  const knock = (user: string): unknown =>
    opened.authenticate?.(['Proxy-Authorization', `Basic ${Buffer.from(`${user}:one`).toString('base64')}`], '10.0.0.1', {})
  for (const user of ['anna', 'bob', 'eve']) t.match(await knock(user), { user })
  opened.reload()
  for (const user of ['anna', 'bob', 'eve']) t.match(knock(user), { user }, 'at once')
  await writeFile(users, JSON.stringify({ users: { anna: { password: one, groups: ['new'] }, bob: { password: two } } }))
  opened.reload()
  t.match(knock('anna'), { user: 'anna' }, 'at once')
  for (const user of ['bob', 'eve']) await t.rejects(async () => knock(user), { code: 'client.unauthenticated' }, user)
})

t.test('tunnels end with the password that opened them', async (t) => {
  const [one, two] = [await hashPassword('one'), await hashPassword('two')]
  const directory = (members: Record<string, typeof one | null>) => ({
    members: new Map(Object.entries(members).map(([name, password]) => [name, { name, password, groups: [] }])), places: [],
  })
  const held = new HeldTunnels()
  const ended: string[] = []
  for (const name of ['Anna', 'bob', 'eve', 'ldap']) held.hold(name, () => { ended.push(name) })
  held.hold('anna', () => { ended.push('gone before') })()
  const before = directory({ anna: one, bob: one, eve: one, ldap: null })
  held.changed(before, before)
  t.strictSame(ended, [])
  held.changed(before, directory({ anna: two, bob: one }))
  t.strictSame(ended.toSorted(), ['Anna', 'eve'])
  held.changed(before, directory({}))
  t.strictSame(ended.toSorted(), ['Anna', 'bob', 'eve'], 'each once')
})
