import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { verifyAudit } from '../../../policy/store/audit-verify.ts'
import { openStore } from '../../../policy/store/open.ts'
import { peekTenants } from '../../../policy/store/peek.ts'
import type { Store } from '../../../policy/store/store.ts'
import { BY, policyOf } from './contract.ts'
import { noRedis, startRedis } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'

/** What the version before the audit log wrote. */
const BEFORE = join(import.meta.dirname, 'schema-1')

async function open(t: Test, url: string): Promise<Store> {
  const store = await openStore(url)
  t.teardown(() => store.close())
  return store
}

/** A directory as the version before wrote it. */
async function directory(t: Test): Promise<string> {
  const dir = join(t.testdir(), 'store')
  await cp(BEFORE, dir, { recursive: true })
  await rm(join(dir, 'redis.json'))
  return dir
}

async function filled({ url }: RedisServer): Promise<Redis> {
  const raw = new Redis(url)
  await raw.flushall()
  const commands: [string, ...string[]][] = JSON.parse(await readFile(join(BEFORE, 'redis.json'), 'utf8'))
  for (const [name, ...args] of commands) await raw.call(name, ...args)
  return raw
}

/** That a store of layout 1 was read as it is, that its log begins with the upgrade, and that it goes on from there. */
async function upgraded(t: Test, url: string): Promise<void> {
  const [store, ...others] = await Promise.all([open(t, url), open(t, url), open(t, url)])
  const { policy, tenants, controls } = await store.load()
  t.match(policy, { revision: 2, author: 'the editor', comment: 'why', policy: policyOf('second') })
  t.strictSame(tenants, [
    { account: 'box', id: '4711' }, { account: 'google', id: 'contoso.com', name: 'Contoso', aliases: ['*.contoso.com'] },
    { account: 'microsoft', id: 'contoso' },
  ])
  t.strictSame(controls, { version: 0, breakGlass: null, exceptions: [] })
  t.match(await store.tokens(), [{ id: 'a1', role: 'admin', label: 'first start' }])
  t.match((await store.revisions({ limit: 5 })).map(({ revision, author }) => [revision, author]), [[2, 'the editor'], [1, 'first-start']])
  const upgrade = { seq: 1, author: 'sluice', from: 'sluice', action: 'store.upgrade', detail: { from: 1, to: 2 } }
  for (const one of [store, ...others]) t.match(await one.audit({ from: 1, limit: 10 }), [upgrade], 'once')
  await store.putPolicy(policyOf('third'), { ...BY, expected: 2 })
  await store.putTenant({ account: 'box', id: '4711', name: 'Box' }, BY)
  t.match(await store.audit({ from: 1, limit: 10 }), [
    upgrade, { subject: 'revision 3', detail: { previous: 2, rules: [{ id: 'one', is: 'changed' }] } }, { subject: 'box/4711', detail: { before: {} } },
  ])
  t.equal((await verifyAudit(store)).entries, 3)
}

t.test('a directory of the version before is upgraded in place, once', async (t) => upgraded(t, `embedded:${await directory(t)}`))

t.test('an upgrade that was interrupted is finished, and begun only once', async (t) => {
  const dir = await directory(t)
  const first = await (await open(t, `embedded:${dir}`)).audit({ from: 1, limit: 10 })
  await rm(join(dir, 'schema.json'))
  t.strictSame(await (await open(t, `embedded:${dir}`)).audit({ from: 1, limit: 10 }), first)
  t.strictSame(JSON.parse(await readFile(join(dir, 'schema.json'), 'utf8')), { schema: 2 })
})

t.test('an empty directory is marked, and its log is empty', async (t) => {
  const dir = t.testdir()
  t.equal(await (await open(t, `embedded:${dir}`)).auditHead(), null)
  t.strictSame(JSON.parse(await readFile(join(dir, 'schema.json'), 'utf8')), { schema: 2 })
})

t.test('a directory of a later version is refused, and nothing is written', async (t) => {
  const dir = await directory(t)
  for (const [mark, code] of [['{"schema":3}', 'store.newer'], ['{"schema":"2"}', 'store.corrupt'], ['[]', 'store.corrupt'], ['{', 'store.corrupt']] as const) {
    await writeFile(join(dir, 'schema.json'), mark)
    const before = await readdir(dir, { recursive: true })
    await t.rejects(openStore(`embedded:${dir}`), { code, message: /schema\.json/ }, mark)
    t.strictSame(await readdir(dir, { recursive: true }), before)
  }
})

t.test('a directory that a later version has upgraded meanwhile is changed no more', async (t) => {
  const dir = await directory(t)
  const store = await open(t, `embedded:${dir}`)
  await writeFile(join(dir, 'schema.json'), '{"schema":3}')
  await t.rejects(store.putTenant({ account: 'box', id: '7' }, BY), { code: 'store.newer', message: /schema 3/ })
  t.equal((await store.load()).tenants.length, 3, 'what is read goes on')
  t.equal((await readdir(join(dir, 'tenants'))).length, 2)
})

const server = await startRedis()
if (server === null) t.test('a Redis of the version before', { skip: noRedis() }, () => undefined)
else {
  t.teardown(() => server.close())
  t.test('a Redis of the version before is upgraded in place, once', async (t) => {
    const raw = await filled(server)
    t.teardown(() => raw.disconnect())
    t.equal((await peekTenants(server.url))?.length, 3)
    t.equal(await raw.exists('{sluice}:schema', '{sluice}:audit'), 0, 'who only looks upgrades nothing')
    await upgraded(t, server.url)
    t.equal(await raw.get('{sluice}:schema'), '2')
    await raw.del('{sluice}:schema')
    t.equal((await (await open(t, server.url)).auditHead())?.seq, 3)
    t.equal(await raw.get('{sluice}:schema'), '2')
  })

  t.test('a Redis of a later version is refused, at a start and while running, and nothing is written', async (t) => {
    const raw = await filled(server)
    t.teardown(() => raw.disconnect())
    const running = await open(t, server.url)
    for (const [mark, code] of [['3', 'store.newer'], ['two', 'store.corrupt']] as const) {
      await raw.set('{sluice}:schema', mark)
      const before = (await raw.keys('*')).sort()
      for (const whenDown of ['reject', 'retry'] as const) {
        await t.rejects(openStore(server.url, { whenDown }), { code, message: /\{sluice\}:schema/ }, mark)
      }
      t.strictSame((await raw.keys('*')).sort(), before)
      if (code !== 'store.newer') continue
      await t.rejects(running.putTenant({ account: 'box', id: '7' }, BY), { code })
      t.equal((await running.load()).tenants.length, 3)
    }
  })

  t.test('an empty Redis is marked, and its log is empty', async (t) => {
    const raw = new Redis(server.url)
    t.teardown(() => raw.disconnect())
    await raw.flushall()
    t.equal(await (await open(t, server.url)).auditHead(), null)
    t.strictSame(await raw.keys('*'), ['{sluice}:schema'])
  })
}
