import { readdir, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import type { Tenant } from '../../../policy/operation.ts'
import { backupBytes, parseBackup, readBackup } from '../../../policy/store/backup.ts'
import type { Backup } from '../../../policy/store/backup.ts'
import { verifyAudit } from '../../../policy/store/audit-verify.ts'
import { openStore } from '../../../policy/store/open.ts'
import { planRestoration } from '../../../policy/store/restoration.ts'
import { begunText } from '../../../policy/store/restore-files.ts'
import type { Store } from '../../../policy/store/store.ts'
import { BY, policyOf } from './contract.ts'
import { noRedis, startRedis } from './redis-server.ts'
import { until } from './wait.ts'

const tokens = ['a1', 'b2'].map((id) => ({ id, hash: 'cd'.repeat(32), role: 'admin' as const, label: `of ${id}`, createdAt: '2026-01-01T00:00:00.000Z' }))
const exception = {
  id: 'x1', state: 'granted' as const, rule: 'one', provider: 'dropbox', user: 'eve', reason: 'must "send"\n', event: 'e1',
  askedAt: '2026-01-01T00:00:00.000Z', until: '2099-01-01T00:00:00.000Z',
}

async function open(t: Test, url: string): Promise<Store> {
  const store = await openStore(url)
  t.teardown(() => store.close())
  return store
}

async function fill(store: Store, count = 3): Promise<void> {
  await store.putPolicy(policyOf('first'), { ...BY, expected: 0, source: 'default: allow # a comment\n' })
  await store.putPolicy(policyOf('second'), { ...BY, expected: 1, comment: 'why' })
  await store.putTenants(Array.from({ length: count }, (_, n): Tenant => ({ account: 'google', id: `t${n}.example`, name: `Tenant "${n}"`, aliases: [`a${n}.example`] })), BY)
  for (const token of tokens) await store.putToken(token, BY)
  await store.deleteToken('b2', BY)
  await store.putControls({ version: 0, breakGlass: null, exceptions: [exception] }, { ...BY, expected: 0, action: 'exception.grant', subject: 'x1' })
}

/** Through the file, as the command does. */
async function restore(store: Store, backup: Backup, replace = false): Promise<void> {
  const read = await parseBackup(await backupBytes(backup), 'backup')
  await store.restore(await planRestoration(store, read, BY, replace))
}

/** What must be equal, whatever the log says of the restoration itself. */
const contents = ({ revisions, tenants, tokens, controls, audit }: Backup, entries = audit.length) =>
  ({ revisions, tenants, tokens, controls, audit: audit.slice(0, entries) })

const redis = await startRedis()
if (redis !== null) t.teardown(() => redis.close())
let databases = 0

/** An empty store of a kind. */
async function empty(t: Test, kind: 'embedded' | 'redis', dir: string): Promise<Store> {
  if (kind === 'embedded') return open(t, `embedded:${join(dir, `store-${databases++}`)}`)
  if (redis === null) throw new Error('a test that needs Redis was not skipped')
  const url = `${redis.url}/${databases++ % 16}`
  const raw = new Redis(url)
  await raw.flushdb()
  raw.disconnect()
  return open(t, url)
}

for (const kind of ['embedded', 'redis'] as const) {
  const other = kind === 'embedded' ? 'redis' : 'embedded'
  const skip = kind === 'redis' && noRedis()

  t.test(`${kind}: a backup goes to the other kind and back, and is equal`, { skip: noRedis() }, async (t) => {
    const dir = t.testdir()
    const [first, second, third] = [await empty(t, kind, dir), await empty(t, other, dir), await empty(t, kind, dir)]
    await fill(first)
    await first.usedToken('a1', Date.now())
    const backup = await readBackup(first)
    t.match(backup, { revisions: [{ revision: 1 }, { revision: 2 }], tenants: { length: 3 }, tokens: [tokens[0]], controls: { version: 1, exceptions: [exception] } })
    t.equal(backup.audit.length, 7)
    t.strictSame(contents(await parseBackup(await backupBytes(backup), 'x')), contents(backup))
    await restore(second, backup)
    await restore(third, await readBackup(second))
    for (const [store, entries] of [[second, 8], [third, 9]] as const) {
      const found = await readBackup(store)
      t.strictSame(contents(found, 7), contents(backup))
      t.match(found.audit.at(-1), { seq: entries, author: 'ann', action: 'store.restore', detail: { revision: 2, tenants: 3, tokens: 1, exceptions: 1 } })
      t.strictSame(await verifyAudit(store), { entries, head: await store.auditHead(), fault: null })
      t.equal((await store.putPolicy(policyOf('next'), { ...BY, expected: 2 })).revision, 3)
      await store.putTenant({ account: 'google', id: 'next.example' }, BY)
      t.equal((await verifyAudit(store)).entries, entries + 2)
    }
  })

  t.test(`${kind}: what is not empty is replaced only when that is said, as a revision above all others`, { skip }, async (t) => {
    const store = await empty(t, kind, t.testdir())
    await fill(store)
    const backup = await readBackup(store)
    for (const expected of [2, 3, 4]) await store.putPolicy(policyOf(`after ${expected}`), { ...BY, expected })
    await store.putTenant({ account: 'box', id: 'after' }, BY)
    await store.putToken({ id: 'c3', hash: '0'.repeat(64), role: 'viewer', label: '', createdAt: '' }, BY)
    const before = await readBackup(store)
    await t.rejects(restore(store, backup), { code: 'store.not-empty' })
    t.strictSame(contents(await readBackup(store)), contents(before), 'nothing was changed')
    let heard = 0
    store.watch(() => heard++)
    await restore(store, backup, true)
    await until('it is told', () => heard > 0)
    const after = await readBackup(store)
    t.match(after.revisions.at(-1), { revision: 6, policy: policyOf('second'), author: 'ann', restores: 2, comment: /backup of 20/ })
    t.strictSame(after.revisions.slice(0, 5), before.revisions, 'the others stay')
    t.strictSame(after.tenants, backup.tenants)
    t.strictSame(after.tokens, backup.tokens)
    t.strictSame(after.controls, { ...backup.controls, version: 2 })
    t.strictSame(after.audit.slice(0, before.audit.length), before.audit, 'the log goes on')
    t.match(after.audit.slice(before.audit.length), [{ action: 'store.restore', subject: `backup of ${backup.madeAt}`, detail: { revision: 2 } }])
    t.equal(after.audit.length, before.audit.length + 1)
    t.equal((await verifyAudit(store)).fault, null)
  })

  t.test(`${kind}: into another store the log of the backup goes on, and the one that was there is put aside`, { skip }, async (t) => {
    const dir = t.testdir()
    const [from, store] = [await empty(t, kind, dir), await empty(t, kind, dir)]
    await fill(from)
    await store.putPolicy(policyOf('fresh'), { author: 'sluice', from: 'sluice', expected: 0 })
    const was = await store.auditHead()
    const backup = await readBackup(from)
    await restore(store, backup, true)
    const after = await readBackup(store)
    t.strictSame(after.audit.slice(0, 7), backup.audit)
    t.match(after.audit[7], { seq: 8, action: 'store.restore', detail: { replaces: `1:${was?.hash ?? ''}`, head: `7:${backup.audit[6]?.hash ?? ''}` } })
    t.equal((await verifyAudit(store)).entries, 8)
    t.match(after.revisions.at(-1), { revision: 3, policy: policyOf('second') })
    await store.putTenant({ account: 'box', id: 'next' }, BY)
    t.match(await verifyAudit(store, backup.audit.at(-1)), { entries: 9, fault: null })
  })

  t.test(`${kind}: what came between planning and doing is not lost`, { skip }, async (t) => {
    const store = await empty(t, kind, t.testdir())
    await fill(store)
    const plan = await planRestoration(store, await readBackup(store), BY, true)
    await store.putTenant({ account: 'box', id: 'between' }, BY)
    const before = await readBackup(store)
    await t.rejects(store.restore(plan), { code: 'store.locked' })
    t.strictSame(contents(await readBackup(store)), contents(before))
  })
}

t.test('a file that is damaged, cut, another or of a later version is refused', async (t) => {
  const store = await open(t, `embedded:${t.testdir()}`)
  await fill(store)
  const bytes = await backupBytes(await readBackup(store))
  const text = bytes.toString()
  const lines = text.trimEnd().split('\n')
  const summed = (changed: readonly string[]): string => {
    const body = changed.map((line) => `${line}\n`).join('')
    return `${body}${JSON.stringify({ sha256: createHash('sha256').update(body).digest('hex') })}\n`
  }
  const without = lines.slice(0, -1)
  const cases: [string, string, RegExp][] = [
    ['empty', '', /is no backup|not JSON/],
    ['another file', 'default: allow\nrules: []\n', /not JSON/],
    ['other JSON', '{"a":1}\n{"sha256":"x"}\n', /no backup of Sluice/],
    ['one byte changed', text.replace('t1.example', 't9.example'), /checksum is another/],
    ['cut after a line', `${lines.slice(0, 5).join('\n')}\n`, /checksum is another/],
    ['cut in a line', text.slice(0, -40), /not JSON|checksum/],
    ['a line taken out', `${[...lines.slice(0, 3), ...lines.slice(4)].join('\n')}\n`, /checksum is another/],
    ['of a later format', summed(without.map((line, i) => i === 0 ? line.replace('"format":1', '"format":2') : line)), /later version/],
    ['of a later schema', summed(without.map((line, i) => i === 0 ? line.replace('"schema":2', '"schema":3') : line)), /later version/],
    ['fewer than it tells', summed(without.filter((line) => !line.startsWith('{"tenant"') || !line.includes('t1.example'))), /2 tenants, and tells/],
    ['a wrong tenant', summed(without.map((line) => line.replace('"t1.example"', '"NOT FINE"'))), /line 5.*damaged/],
  ]
  for (const [what, changed, message] of cases) {
    await t.rejects(parseBackup(Buffer.from(changed), 'FILE'), { code: 'backup.unreadable', message }, what)
    await t.rejects(parseBackup(Buffer.from(changed), 'FILE'), { message: /^FILE/ }, what)
  }
  t.strictSame(contents(await parseBackup(Buffer.from(summed(without)), 'FILE')), contents(await readBackup(store)))
})

t.test('a restoration that was interrupted is finished by whoever opens the store next; until then nothing is changed', async (t) => {
  const [dir, other] = [join(t.testdir(), 'store'), join(t.testdirName, 'from')]
  const from = await open(t, `embedded:${other}`)
  await fill(from)
  const backup = await readBackup(from)
  const running = await open(t, `embedded:${dir}`)
  await running.putPolicy(policyOf('fresh'), { ...BY, expected: 0 })
  await running.putTenant({ account: 'box', id: 'fresh' }, BY)
  const plan = await planRestoration(running, backup, BY, true)
  await writeFile(join(dir, 'restoring.json'), begunText(plan))
  await t.rejects(running.putTenant({ account: 'box', id: 'late' }, BY), { code: 'store.locked', message: /restoring\.json/ })
  await t.rejects(running.note({ ...BY, action: 'events.erase', subject: 'x' }), { code: 'store.locked' })
  t.match((await running.load()).policy, { policy: policyOf('fresh') })
  const opened = await Promise.all([open(t, `embedded:${dir}`), open(t, `embedded:${dir}`)])
  for (const store of [running, ...opened]) {
    const { tenants, policy } = await store.load()
    t.strictSame(tenants, backup.tenants)
    t.match(policy, { revision: 3, restores: 2 })
    t.match(await verifyAudit(store), { entries: 8, fault: null })
  }
  t.strictSame((await readdir(dir)).filter((name) => /^audit|restoring/.test(name)).map((name) => name.replace(/\d{8}T\d+Z/, 'TIME')).sort(),
    ['audit', 'audit-before-TIME'])
  // As a crash after most of the work leaves it.
  await rm(join(dir, 'audit', '000000008.json'))
  await rm(join(dir, 'audit', '000000003.json'))
  await writeFile(join(dir, 'restoring.json'), begunText(plan))
  const again = await open(t, `embedded:${dir}`)
  t.match(await verifyAudit(again), { entries: 8, fault: null })
  t.match(await again.load(), { policy: { revision: 3 }, tenantsVersion: (await running.load()).tenantsVersion })
  await running.putTenant({ account: 'box', id: 'late' }, BY)
  t.match(await verifyAudit(running), { entries: 9, fault: null })
})

t.test('100,000 tenants go into a backup and out of it, in both kinds', async (t) => {
  const dir = t.testdir()
  const store = await empty(t, 'embedded', dir)
  await fill(store, 100_000)
  const backup = await readBackup(store)
  for (const kind of ['embedded', 'redis'] as const) {
    await t.test(kind, { skip: kind === 'redis' && noRedis() }, async (t) => {
      const target = await empty(t, kind, dir)
      await restore(target, backup)
      t.equal((await target.load()).tenants.length, 100_000)
      t.strictSame((await target.load()).tenants.at(-1), backup.tenants.at(-1))
    })
  }
})
