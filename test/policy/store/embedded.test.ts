import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { verifyAudit } from '../../../policy/store/audit-verify.ts'
import { openStore } from '../../../policy/store/open.ts'
import type { Store } from '../../../policy/store/store.ts'
import { BY, contract, policyOf } from './contract.ts'
import { until } from './wait.ts'

const KILLS = 15

async function open(t: Test, dir: string, log?: (level: string, message: string) => void): Promise<Store> {
  const store = await openStore(`embedded:${dir}`, log === undefined ? {} : { log })
  t.teardown(() => store.close())
  return store
}

t.test('the contract', async (t) => contract(t, async (t) => {
  const dir = join(t.testdir(), 'store')
  return {
    store: await open(t, dir), second: () => open(t, dir),
    tamper: async (seq, text) => {
      const path = join(dir, 'audit', `${String(seq).padStart(9, '0')}.json`)
      await (text === null ? rm(path) : writeFile(path, text))
    },
    damage: async (digest, text) => {
      const folder = join(dir, 'bindings', digest.slice(0, 2))
      for (const name of await readdir(folder)) if (name.startsWith(digest.slice(2))) await writeFile(join(folder, name), text)
    },
  }
}))

t.test('directories are for the owner only, files too', async (t) => {
  const dir = join(t.testdir(), 'a', 'store')
  const store = await open(t, dir)
  await store.putPolicy(policyOf('x'), { expected: 0, author: 'ann', from: 'test' })
  await store.putTenant({ account: 'google', id: 'x.example' }, BY)
  await store.putToken({ id: 'a', hash: '0'.repeat(64), role: 'admin', label: '', createdAt: '' }, BY)
  await store.putSession('ab'.repeat(16), { bytes: 1, sent: 1, startedAt: 0, updatedAt: 0 }, 60_000)
  const binding = { account: 'google' as const, tenants: ['x.example'], mayAllow: true, how: 'learned' as const, at: 0 }
  await store.putBinding('ab'.repeat(16), binding, 60_000)
  const mode = async (path: string): Promise<number> => (await stat(join(dir, path))).mode & 0o777
  for (const path of ['', 'revisions', 'tenants', 'tokens', 'sessions', 'sessions/ab', 'bindings', 'bindings/ab']) t.equal(await mode(path), 0o700, path)
  const files = ['policy.json', 'tenants.json', 'tokens.json', 'revisions/000001.json', 'tenants/000001.json', 'tokens/000001.json']
  for (const folder of ['sessions/ab', 'bindings/ab']) {
    for (const name of await readdir(join(dir, folder))) files.push(`${folder}/${name}`)
  }
  t.equal(files.length, 8)
  for (const path of files) t.equal(await mode(path), 0o600, path)
})

t.test('an existing directory keeps its mode; others who may write there are named', async (t) => {
  const dir = t.testdir()
  await chmod(dir, 0o777)
  const lines: string[] = []
  await open(t, dir, (_level, message) => lines.push(message))
  t.equal((await stat(dir)).mode & 0o777, 0o777)
  t.match(lines, [/Others may write .*chmod go-w/])
})

t.test('a killed writer leaves a whole, valid state with everything that was answered for', async (t) => {
  const dir = join(t.testdir(), 'store')
  const reader = await open(t, dir)
  let answered = 0
  let seen = 0
  for (let round = 0; round < KILLS; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), `embedded:${dir}`], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (data) => { output += String(data) })
    const closed = once(child, 'close')
    await until('the writer writes', () => output.includes('tenant'), 20_000)
    // Another moment of the writer's cycle each round.
    await sleep((round * 7) % 40)
    child.kill('SIGKILL')
    await closed

    const lines = output.trimEnd().split('\n')
    const revision = Math.max(...lines.flatMap((line) => (line.startsWith('policy') ? [Number(line.slice(7))] : [])))
    const tenants = lines.flatMap((line) => (line.startsWith('tenant') ? [line.slice(7)] : []))
    const state = await reader.load()
    const found = state.policy?.revision ?? 0
    if (found < revision || found > revision + 1) t.fail(`revision ${revision} was answered for, ${found} is there`)
    const ids = new Set(state.tenants.map(({ id }) => id))
    for (const id of tenants) if (!ids.has(id)) t.fail(`${id} was answered for and is gone`)
    for (let n = seen + 1; n <= found; n++) t.equal((await reader.revision(n))?.revision, n)
    seen = found
    answered += lines.length
    // The next writer must be able to go on from here.
    const fresh = await open(t, dir)
    const next = await fresh.putPolicy(policyOf('after'), { expected: found, author: 'reader', from: 'test' })
    t.equal(next.revision, found + 1)
    t.equal(JSON.parse(await readFile(join(dir, 'policy.json'), 'utf8')).revision, found + 1)
  }
  t.ok(answered > KILLS, `${answered} writes were answered for`)
  t.equal((await verifyAudit(reader)).fault, null)
  const told = (await reader.audit({ from: 1, limit: 100_000 })).map(({ action, subject }) => `${action} ${subject}`)
  const { policy, tenants } = await reader.load()
  const made = [
    ...Array.from({ length: policy?.revision ?? 0 }, (_, n) => `policy.put revision ${n + 1}`), ...tenants.map(({ id }) => `tenant.put google/${id}`),
  ]
  t.strictSame(told.sort(), made.sort(), 'each change has one entry')
})

t.test('leftovers of died writers are removed, what is being written is not', async (t) => {
  const dir = t.testdir({ revisions: {} })
  const old = ['.policy.json.0123456789abcdef.tmp', 'revisions/.000001.json.0123456789abcdef.tmp']
  const young = '.policy.json.fedcba9876543210.tmp'
  const other = '.mine.tmp'
  for (const name of [...old, young, other]) await writeFile(join(dir, name), '{')
  const before = new Date(Date.now() - 120_000)
  for (const name of [...old, other]) await utimes(join(dir, name), before, before)
  await open(t, dir)
  const left = [...await readdir(dir), ...await readdir(join(dir, 'revisions'))].filter((name) => name.startsWith('.'))
  t.strictSame(left.sort(), [young, other].sort())
})

t.test('a crash between the revision and its copy: the revision counts and the copy is put right', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  await store.putPolicy(policyOf('one'), { expected: 0, author: 'ann', from: 'test' })
  const copy = await readFile(join(dir, 'policy.json'), 'utf8')
  await store.putPolicy(policyOf('two'), { expected: 1, author: 'ann', from: 'test' })
  await writeFile(join(dir, 'policy.json'), copy)
  t.match((await store.load()).policy, { revision: 2, policy: policyOf('two') })
  const again = await open(t, dir)
  t.equal(JSON.parse(await readFile(join(dir, 'policy.json'), 'utf8')).revision, 2)
  t.equal((await again.putPolicy(policyOf('three'), { expected: 2, author: 'ann', from: 'test' })).revision, 3)
})

t.test('a file that cannot be read is named and not overwritten', async (t) => {
  const cases: [string, string, string][] = [
    ['policy.json', '{"revision":1,', 'it is not JSON'],
    ['policy.json', '{"revision":"1","policy":{},"author":"","at":""}', '/revision'],
    ['tenants.json', '{"version":1,"tenants":[{"account":"google","id":"UPPER"}]}', '/id'],
    ['tenants.json', '{"version":1,"tenants":[{"account":"google","id":"a.example","aliases":["*.co.uk"]}]}', 'too wide'],
    ['tokens.json', '[]', 'the document'],
  ]
  for (const [name, text, why] of cases) {
    const dir = join(t.testdir(), `${name}-${text.length}`)
    await mkdir(dir)
    await writeFile(join(dir, name), text)
    const error: unknown = await openStore(`embedded:${dir}`).then(() => null, (error: unknown) => error)
    t.match(error, { code: 'store.corrupt' }, name)
    t.match(String(error), join(dir, name))
    t.match(String(error), why)
    t.equal(await readFile(join(dir, name), 'utf8'), text, 'it is as it was')
  }
})

t.test('damage while running: reading and writing tell, and nothing is written', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  await store.putTenant({ account: 'google', id: 'a.example' }, BY)
  await writeFile(join(dir, 'tenants.json'), 'gone')
  await t.rejects(store.load(), { code: 'store.corrupt', message: new RegExp(join(dir, 'tenants.json')) })
  await t.rejects(store.putTenant({ account: 'google', id: 'b.example' }, BY), { code: 'store.corrupt' })
  t.match(store.health(), { up: false, detail: /tenants\.json/ })
  t.equal(await readFile(join(dir, 'tenants.json'), 'utf8'), 'gone')
  t.strictSame(await readdir(join(dir, 'tenants')), ['000001.json'])
})

t.test('a file replaced by hand counts and is noticed', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  await store.putTenant({ account: 'google', id: 'a.example' }, BY)
  let heard = 0
  store.watch(() => heard++)
  await writeFile(join(dir, 'by-hand'), '{"version":1,"tenants":[{"account":"google","id":"b.example"},{"account":"box","id":"b"}]}')
  await rename(join(dir, 'by-hand'), join(dir, 'tenants.json'))
  await until('the change is noticed', () => heard > 0)
  t.match((await store.load()).tenants, [{ id: 'b' }, { id: 'b.example' }], 'in order')
  await store.putTenant({ account: 'google', id: 'c.example' }, BY)
  t.match((await store.load()).tenants, [{ id: 'b' }, { id: 'b.example' }, { id: 'c.example' }])
})

t.test('a few old allowlists stay, not all', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  for (let n = 0; n < 20; n++) await store.putTenant({ account: 'google', id: `t${n}.example` }, BY)
  t.equal((await readdir(join(dir, 'tenants'))).length, 8)
  t.equal((await store.load()).tenants.length, 20)
  t.strictSame((await readdir(dir)).filter((name) => name.endsWith('.tmp')), [])
})

t.test('a directory that cannot be one is named', async (t) => {
  const dir = t.testdir({ file: 'text' })
  await t.rejects(openStore(`embedded:${join(dir, 'file')}`), { code: 'store.unreachable', message: /file cannot be used: (EEXIST|ENOTDIR)/ })
  const store = await open(t, join(dir, 'store'))
  await rm(join(dir, 'store'), { recursive: true })
  await t.rejects(store.putPolicy(policyOf('x'), { expected: 0, author: 'ann', from: 'test' }), { code: 'store.unreachable', message: /ENOENT/ })
  t.match(store.health(), { up: false, detail: /ENOENT/ })
})

const auditFile = (dir: string, seq: number): string => join(dir, 'audit', `${String(seq).padStart(9, '0')}.json`)

t.test('a crash between a change and its entry: whoever comes next appends it, once', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  await store.putPolicy(policyOf('one'), { ...BY, expected: 0 })
  await store.putTenant({ account: 'google', id: 'a.example', name: 'A' }, { author: 'bob', from: '192.0.2.1' })
  await store.putTenant({ account: 'google', id: 'b.example' }, BY)
  const before = await store.audit({ from: 1, limit: 10 })
  t.match(before.map(({ heads }) => heads), [{ policy: 1 }, { policy: 1, tenants: 1 }, { policy: 1, tenants: 2 }])
  await store.close()
  for (const [name, seqs] of [['the last', [3]], ['the last two', [2, 3]], ['all', [1, 2, 3]]] as const) {
    for (const seq of seqs) await rm(auditFile(dir, seq))
    const opened = await Promise.all([open(t, dir), open(t, dir), open(t, dir)])
    for (const one of opened) t.strictSame(await one.audit({ from: 1, limit: 10 }), before, name)
  }
  await rm(auditFile(dir, 3))
  const running = await open(t, dir)
  await rm(auditFile(dir, 3))
  await running.putTenant({ account: 'google', id: 'c.example' }, BY)
  const after = await running.audit({ from: 1, limit: 10 })
  t.strictSame(after.slice(0, 3), before)
  t.match(after[3], { subject: 'google/c.example', heads: { policy: 1, tenants: 3 } })
})

t.test('what is lost of a change is said', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  for (let n = 1; n <= 10; n++) await store.putTenant({ account: 'google', id: `t${n}.example` }, BY)
  await store.close()
  for (let seq = 1; seq <= 10; seq++) await rm(auditFile(dir, seq))
  const entries = await (await open(t, dir)).audit({ from: 1, limit: 20 })
  t.match(entries[0], { author: 'unknown', action: 'store.edit', subject: 'tenants', detail: { from: 1, to: 2, lost: /gone/ }, heads: { tenants: 2 } })
  t.match(entries.slice(1).map(({ subject }) => subject), ['google/t3.example', 'google/t4.example'])
  t.equal(entries.length, 9)
})

t.test('a file replaced by hand becomes a version of its own, and the log tells of it', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  await store.putTenant({ account: 'google', id: 'a.example' }, BY)
  await store.putPolicy(policyOf('one'), { ...BY, expected: 0 })
  for (const [version, stands] of [[1, 2], [7, 8]] as const) {
    await writeFile(join(dir, 'by-hand'), `{"version":${version},"tenants":[{"account":"google","id":"hand-${version}.example"}]}`)
    await rename(join(dir, 'by-hand'), join(dir, 'tenants.json'))
    const entries = await store.audit({ from: 1, limit: 20 })
    t.match(entries.at(-1), { author: 'unknown', from: 'unknown', action: 'store.edit', subject: 'tenants', detail: { version: stands, by: 'hand' } })
    t.match(await store.load(), { tenantsVersion: stands, tenants: [{ id: `hand-${version}.example` }] })
  }
  await writeFile(join(dir, 'policy.json'), (await readFile(join(dir, 'policy.json'), 'utf8')).replace('"one"', '"uno"'))
  await t.rejects(store.putPolicy(policyOf('two'), { ...BY, expected: 1 }), { code: 'policy.stale' }, 'the edit counts as a revision')
  t.match((await store.load()).policy, { revision: 2, author: 'unknown' })
  t.match((await store.audit({ from: 1, limit: 20 })).at(-1), { author: 'unknown', action: 'policy.put', detail: { revision: 2, comment: 'replaced by hand' } })
  t.equal((await verifyAudit(store)).fault, null)
})

t.test('while the end of the log cannot be read, what is stored goes on counting and nothing is changed', async (t) => {
  const dir = t.testdir()
  const store = await open(t, dir)
  await store.putPolicy(policyOf('one'), { ...BY, expected: 0 })
  await store.close()
  await writeFile(auditFile(dir, 1), 'gone')
  const lines: string[] = []
  const again = await open(t, dir, (level, message) => lines.push(`${level} ${message}`))
  t.match(lines, [/^error Nothing can be changed: .*000000001\.json is damaged/])
  t.match((await again.load()).policy, { revision: 1 })
  await t.rejects(again.putPolicy(policyOf('two'), { ...BY, expected: 1 }), { code: 'store.corrupt', message: /000000001\.json/ })
  t.equal((await again.load()).policy?.revision, 1)
  t.match((await verifyAudit(again)).fault, /000000001\.json/)
})
