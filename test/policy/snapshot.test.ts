import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { SluiceError } from '../../policy/errors.ts'
import type { Tenant } from '../../policy/operation.ts'
import { parsePolicy } from '../../policy/policy.ts'
import type { Policy } from '../../policy/policy.ts'
import { openSnapshot } from '../../policy/snapshot.ts'
import type { Current, Snapshot, SnapshotOptions } from '../../policy/snapshot.ts'
import { openStore } from '../../policy/store/open.ts'
import { NO_CONTROLS } from '../../policy/store/controls-record.ts'
import type { Controls, ControlsChange, PolicyMeta, Revision, Store, StoreState } from '../../policy/store/store.ts'
import { BY, policyOf } from './store/contract.ts'
import { until } from './store/wait.ts'

const fallback = policyOf('fallback')
const strict: Policy = { ...policyOf('strict'), default: 'block' }
const contoso: Tenant = { account: 'microsoft', id: 'contoso' }

/** A store in memory that fails, forgets and is damaged on command. */
class FakeStore implements Store {
  readonly kind = 'redis'
  state: StoreState = { policy: null, tenants: [], tenantsVersion: 0, controls: NO_CONTROLS }
  down = false
  loads = 0
  #changed: (() => void)[] = []

  async load(): Promise<StoreState> {
    this.loads++
    this.#mustBeUp()
    return this.state
  }

  async putPolicy(policy: Policy, { expected, author, from, comment }: PolicyMeta): Promise<Revision> {
    this.#mustBeUp()
    if ((this.state.policy?.revision ?? 0) !== expected) throw new SluiceError('policy.stale', 'stale')
    const revision: Revision = { revision: expected + 1, policy, author, from, at: '2025-01-01T00:00:00.000Z', ...(comment === undefined ? {} : { comment }) }
    this.state = { ...this.state, policy: revision }
    return revision
  }

  async putTenant(tenant: Tenant): Promise<void> {
    await this.putTenants([tenant])
  }

  async putTenants(tenants: readonly Tenant[]): Promise<boolean> {
    this.#mustBeUp()
    this.state = { ...this.state, tenants: [...this.state.tenants, ...tenants], tenantsVersion: this.state.tenantsVersion + 1 }
    return true
  }

  /** What another process does. */
  set(state: Partial<StoreState>): void {
    this.state = { ...this.state, ...state }
    for (const changed of this.#changed) changed()
  }

  watch(changed: () => void): () => void {
    this.#changed.push(changed)
    return () => {
      this.#changed = this.#changed.filter((one) => one !== changed)
    }
  }

  get watchers(): number {
    return this.#changed.length
  }

  health() {
    return this.down ? { up: false, detail: 'down' } : { up: true }
  }

  async putControls(controls: Controls, { expected }: ControlsChange): Promise<boolean> {
    this.#mustBeUp()
    this.state = { ...this.state, controls: { ...controls, version: expected + 1 } }
    return true
  }

  async revision() { return null }
  async revisions() { return [] }
  async usedToken() {}
  async audit() { return [] }
  async auditHead() { return null }
  async note() {}
  async restore() {}
  async remembered() { return null }
  async remember() { return false }
  async deleteTenant() { return false }
  async tokens() { return [] }
  async session() { return null }
  async putSession() {}
  async binding() { return null }
  async putBinding() {}
  async putToken() { throw new Error('not used') }
  async deleteToken() { return false }
  async close() { this.#changed = [] }

  #mustBeUp(): void {
    if (this.down) throw new SluiceError('store.unreachable', 'The store is down.')
  }
}

function stored(revision: number, policy: Policy): Revision {
  return { revision, policy, author: 'other', at: '2025-01-01T00:00:00.000Z' }
}

async function open(t: Test, options: Partial<SnapshotOptions>): Promise<Snapshot> {
  const snapshot = await openSnapshot({
    store: null, fallback, strict, cacheFile: null, required: true, late: 'block', log: () => undefined, ...options,
  })
  t.teardown(() => snapshot.close())
  return snapshot
}

t.test('an empty store gets the fallback as revision 1', async (t) => {
  const store = new FakeStore()
  store.state = { ...store.state, tenants: [contoso], tenantsVersion: 1 }
  const snapshot = await open(t, { store })
  t.match(store.state.policy, { revision: 1, author: 'sluice', from: 'sluice', comment: 'first start', policy: fallback })
  t.match(snapshot.current(), { revision: 1, source: fallback, policy: { revision: 1, late: 'block' }, allowlist: [contoso] })
  t.strictSame(snapshot.current().tenants.has('microsoft', 'contoso'), contoso)
  t.strictSame(snapshot.state(), { storeUp: true, stale: false, ageSeconds: 0, storedRevision: 1 })
})

t.test('another node that starts at the same moment may be first', async (t) => {
  const store = new FakeStore()
  const put = store.putPolicy.bind(store)
  store.putPolicy = async (policy, meta) => {
    store.state = { ...store.state, policy: stored(1, policyOf('theirs')) }
    return put(policy, meta)
  }
  const snapshot = await open(t, { store })
  t.match(snapshot.current(), { revision: 1, source: policyOf('theirs') })
})

t.test('a change in the store is followed; an unchanged policy is not compiled again', async (t) => {
  const store = new FakeStore()
  const changes: Current[] = []
  const snapshot = await open(t, { store, late: 'allow', onChange: (current) => changes.push(current) })
  t.equal(changes.length, 0, 'the first state is no change')
  const before = snapshot.current()
  t.equal(before.policy.late, 'allow')
  store.set({ tenants: [contoso], tenantsVersion: 1 })
  await until('the tenant is there', () => snapshot.current().tenants.size === 1)
  t.equal(snapshot.current().policy, before.policy)
  const { tenants } = snapshot.current()
  store.set({ policy: stored(2, policyOf('two')) })
  await until('the policy is there', () => snapshot.current().revision === 2)
  t.equal(snapshot.current().tenants, tenants, 'nor are unchanged tenants indexed again')
  t.match(snapshot.current(), { source: policyOf('two'), policy: { revision: 2 } })
  store.set({})
  await snapshot.refresh()
  t.equal(changes.length, 2, 'what changes nothing is not told')
  t.equal(before.tenants.size, 0, 'what was handed out does not change')
})

t.test('controls are followed, saved, and put back into a store that has lost them', async (t) => {
  const cacheFile = join(t.testdir(), 'last.json')
  const breakGlass = { reason: 'outage', author: 'ann', since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T01:00:00.000Z' }
  const store = new FakeStore()
  const changes: Current[] = []
  const snapshot = await open(t, { store, cacheFile, onChange: (current) => changes.push(current) })
  t.strictSame(snapshot.current().controls, NO_CONTROLS)
  const { policy, tenants } = snapshot.current()
  store.set({ controls: { version: 4, breakGlass, exceptions: [] } })
  await until('they are there', () => snapshot.current().controls.version === 4)
  t.strictSame(snapshot.current().controls.breakGlass, breakGlass)
  t.equal(snapshot.current().policy, policy, 'nothing else is made anew')
  t.equal(snapshot.current().tenants, tenants)
  const { controls } = snapshot.current()
  store.set({ controls: { version: 4, breakGlass, exceptions: [] } })
  await snapshot.refresh()
  t.equal(snapshot.current().controls, controls, 'the same object while nothing has changed')
  t.equal(changes.length, 1)
  await until('they are saved', async () => JSON.parse(await readFile(cacheFile, 'utf8')).controls?.version === 4)
  store.down = true
  t.match((await open(t, { store, cacheFile })).current(), { controls: { version: 4, breakGlass } })
  store.down = false
  store.set({ policy: null, controls: NO_CONTROLS })
  await until('they are put back', () => store.state.policy !== null)
  t.match(store.state.controls, { version: 1, breakGlass })
})

t.test('refreshing waits for a reading that began after it was asked for', async (t) => {
  const store = new FakeStore()
  const snapshot = await open(t, { store })
  store.loads = 0
  const asked = [snapshot.refresh(), snapshot.refresh()]
  store.state = { ...store.state, policy: stored(2, policyOf('two')) }
  asked.push(snapshot.refresh())
  await Promise.all(asked)
  t.equal(snapshot.current().revision, 2)
  t.ok(store.loads <= 2, 'readings are shared')
})

t.test('a stored policy that does not validate: the last good one stays, tenants are followed, the fault is told once', async (t) => {
  const store = new FakeStore()
  const lines: string[] = []
  const snapshot = await open(t, { store, log: (level, message) => lines.push(`${level} ${message}`) })
  // As another tool could write it.
  const bad = JSON.parse('{"default":"maybe","unknownTenant":"log","rules":[]}')
  store.set({ policy: stored(2, bad), tenants: [contoso], tenantsVersion: 1 })
  await until('the tenant is there', () => snapshot.current().tenants.size === 1)
  await snapshot.refresh()
  t.match(snapshot.current(), { revision: 1, source: fallback })
  t.match(snapshot.state(), { storeUp: true, stale: true, storedRevision: 2, fault: /Revision 2 .*default/ })
  t.equal(lines.filter((line) => /^error Revision 2 .*revision 1 goes on deciding/.test(line)).length, 1)
  store.set({ policy: stored(3, policyOf('good again')) })
  await until('the good one is there', () => snapshot.current().revision === 3)
  t.strictSame(snapshot.state(), { storeUp: true, stale: false, ageSeconds: 0, storedRevision: 3 })
})

t.test('the store goes down: decisions go on, and it is read again when it returns without a word', async (t) => {
  const store = new FakeStore()
  const lines: string[] = []
  const snapshot = await open(t, { store, log: (level, message) => lines.push(`${level} ${message}`) })
  store.down = true
  await t.rejects(snapshot.refresh(), { code: 'store.unreachable' })
  await t.rejects(snapshot.refresh(), { code: 'store.unreachable' })
  t.match(snapshot.current(), { revision: 1, source: fallback })
  t.match(snapshot.state(), { storeUp: false, stale: true, lastError: 'The store is down.' })
  t.strictSame(lines, ['warn Revision 1 goes on deciding: The store is down.'], 'told once')
  store.state = { ...store.state, policy: stored(2, policyOf('two')) }
  store.down = false
  await until('it is read again', () => snapshot.current().revision === 2, 10_000)
  t.match(snapshot.state(), { storeUp: true, stale: false })
})

t.test('a store that has lost everything gets the last good state back', async (t) => {
  const store = new FakeStore()
  const snapshot = await open(t, { store })
  store.set({ policy: stored(7, policyOf('seven')), tenants: [contoso], tenantsVersion: 1 })
  await until('revision 7 decides', () => snapshot.current().revision === 7)
  store.set({ policy: null, tenants: [], tenantsVersion: 0 })
  await until('it is put back', () => store.state.policy !== null)
  t.match(store.state, { policy: { revision: 1, author: 'sluice', comment: /revision 7/, policy: policyOf('seven') }, tenants: [contoso] })
  await until('it decides', () => snapshot.current().revision === 1)
  t.match(snapshot.current(), { source: policyOf('seven'), allowlist: [contoso] })
})

t.test('the saved state decides when the store is down at the start', async (t) => {
  const cacheFile = join(t.testdir(), 'snapshots', 'last.json')
  const store = new FakeStore()
  store.state = { policy: stored(5, policyOf('five')), tenants: [contoso], tenantsVersion: 3, controls: NO_CONTROLS }
  const first = await open(t, { store, cacheFile })
  first.close()
  t.equal((await stat(cacheFile)).mode & 0o777, 0o600)
  store.down = true
  const second = await open(t, { store, cacheFile })
  t.match(second.current(), { revision: 5, source: policyOf('five'), allowlist: [contoso], tenants: { version: 3 } })
  t.match(second.state(), { storeUp: false, stale: true, lastError: 'The store is down.' })
  t.match((await open(t, { store: null, cacheFile })).current(), { revision: 5 }, 'the same without any store')
  store.down = false
  store.set({ policy: stored(6, policyOf('six')) })
  await until('the store is followed again', () => second.current().revision === 6)
  await until('it is saved', async () => JSON.parse(await readFile(cacheFile, 'utf8')).revision === 6)
})

t.test('an empty store at the start with a saved state: it is put back', async (t) => {
  const cacheFile = join(t.testdir(), 'last.json')
  const store = new FakeStore()
  store.state = { policy: stored(5, policyOf('five')), tenants: [contoso], tenantsVersion: 3, controls: NO_CONTROLS }
  const first = await open(t, { store, cacheFile })
  first.close()
  const empty = new FakeStore()
  const snapshot = await open(t, { store: empty, cacheFile })
  t.match(snapshot.current(), { revision: 1, source: policyOf('five'), allowlist: [contoso] })
})

t.test('a state that the store does not confirm grows old, from when it was saved', async (t) => {
  const store = new FakeStore()
  const cacheFile = join(t.testdir(), 'last.json')
  const first = await open(t, { store, cacheFile })
  t.equal(first.state().ageSeconds, 0)
  const saved = JSON.parse(await readFile(cacheFile, 'utf8'))
  await writeFile(cacheFile, JSON.stringify({ ...saved, savedAt: Date.now() - 3_600_000 }))
  store.down = true
  const later = await open(t, { store, cacheFile })
  t.ok(later.state().ageSeconds >= 3_600 && later.state().ageSeconds < 3_900, `${later.state().ageSeconds} s`)
  store.down = false
  await later.refresh()
  t.equal(later.state().ageSeconds, 0)
})

t.test('without store and saved state it does not start, unless that is not required', async (t) => {
  const store = new FakeStore()
  store.down = true
  await t.rejects(open(t, { store }), { code: 'store.unreachable', message: 'The store is down.' })
  t.equal(store.watchers, 0, 'nothing is left behind')
  await t.rejects(open(t, {}), { code: 'store.unreachable' })
  const snapshot = await open(t, { store, required: false })
  t.match(snapshot.current(), { revision: 0, source: strict, tenants: { size: 0 } })
  t.match(snapshot.state(), { storeUp: false, stale: true, storedRevision: 0 })
  store.down = false
  await snapshot.refresh()
  t.match(snapshot.current(), { revision: 1, source: fallback }, 'the strict policy is not what gets stored')
})

t.test('a saved state that is damaged is told and not used', async (t) => {
  const cacheFile = join(t.testdir({ 'last.json': '' }), 'last.json')
  const store = new FakeStore()
  store.down = true
  for (const text of ['{"format":1', '{"format":2}', '{"format":1,"savedAt":1,"revision":1,"policy":{},"tenants":[],"tenantsVersion":0}']) {
    await writeFile(cacheFile, text)
    const lines: string[] = []
    await t.rejects(open(t, { store, cacheFile, log: (_level, message) => lines.push(message) }), { code: 'store.unreachable' })
    t.match(lines, [/last\.json cannot be used/])
    t.equal(await readFile(cacheFile, 'utf8'), text)
  }
})

t.test('a stored policy that does not validate and nothing else: it does not start', async (t) => {
  const store = new FakeStore()
  store.state = { ...store.state, policy: stored(4, JSON.parse('{"rules":1}')) }
  await t.rejects(open(t, { store }), { code: 'policy.invalid', message: /Revision 4/ })
})

t.test('over a real store, a change by another process decides', async (t) => {
  const dir = t.testdir()
  const store = await openStore(`embedded:${dir}`)
  const other = await openStore(`embedded:${dir}`)
  t.teardown(() => Promise.all([store.close(), other.close()]))
  const snapshot = await open(t, { store })
  await other.putPolicy(parsePolicy(policyOf('theirs')), { expected: 1, author: 'other', from: 'test' })
  await other.putTenant(contoso, BY)
  await until('it decides', () => snapshot.current().revision === 2 && snapshot.current().tenants.size === 1)
  t.match(snapshot.current().source, policyOf('theirs'))
})
