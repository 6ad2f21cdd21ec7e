/** What every store promises. Run by the test of each. */
import type { Test } from 'tap'
import type { Tenant } from '../../../policy/operation.ts'
import type { Policy } from '../../../policy/policy.ts'
import { changeTenants } from '../../../policy/store/change-tenants.ts'
import { NO_CONTROLS } from '../../../policy/store/controls-record.ts'
import type { By, Store, StoredToken } from '../../../policy/store/store.ts'
import { auditContract } from './audit-contract.ts'
import { expiringContract } from './expiring-contract.ts'
import { until } from './wait.ts'

export interface Opened {
  readonly store: Store
  /** Another process's view of the same store; closed with the first. */
  second(): Promise<Store>
  /** Puts a text where the binding of a digest is kept, as a crash or another tool might. */
  damage(digest: string, text: string): Promise<void>
  /** Puts a text in place of an audit entry, or takes the entry away, as whoever can write the store might. */
  tamper(seq: number, text: string | null): Promise<void>
}

/** Who changes things in tests. */
export const BY: By = { author: 'ann', from: 'test' }

export function policyOf(message: string): Policy {
  return {
    default: 'allow',
    unknownTenant: 'log',
    rules: [{ id: 'one', enabled: true, mode: 'enforce', when: { activity: 'upload' }, action: 'block', message }],
  }
}

const token: StoredToken = {
  id: 'a1', hash: 'ab'.repeat(32), role: 'editor', label: 'ci', createdAt: '2025-01-01T00:00:00.000Z',
}

/** `open` gives an empty store of its own to each test and closes it after. */
export function contract(t: Test, open: (t: Test) => Promise<Opened>): void {
  auditContract(t, open)
  expiringContract(t, open)

  t.test('an empty store holds nothing and says that it is up', async (t) => {
    const { store } = await open(t)
    t.strictSame(await store.load(), { policy: null, tenants: [], tenantsVersion: 0, controls: NO_CONTROLS })
    t.strictSame(await store.tokens(), [])
    t.equal(await store.revision(1), null)
    t.strictSame(store.health(), { up: true })
  })

  t.test('policy revisions count up and stay', async (t) => {
    const { store, second } = await open(t)
    const first = await store.putPolicy(policyOf('first'), { expected: 0, author: 'ann', from: 'test', comment: 'start' })
    t.match(first, { revision: 1, author: 'ann', comment: 'start', policy: policyOf('first') })
    t.match(first.at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    const next = await store.putPolicy(policyOf('second'), { expected: 1, author: 'bob', from: 'test' })
    t.strictSame((await store.load()).policy, next)
    t.strictSame(await (await second()).revision(1), first)
    t.strictSame(await store.revision(2), next)
    t.equal(await store.revision(3), null)
  })

  t.test('a stale policy is refused and nothing is written', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    await store.putPolicy(policyOf('first'), { expected: 0, author: 'ann', from: 'test' })
    for (const expected of [0, 2]) {
      await t.rejects(other.putPolicy(policyOf('late'), { expected, author: 'bob', from: 'test' }), { code: 'policy.stale' })
    }
    t.match((await store.load()).policy, { revision: 1, author: 'ann' })
    t.equal(await store.revision(2), null)
    t.strictSame(store.health(), { up: true })
  })

  t.test('of writers at the same time, one wins', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    for (let expected = 0; expected < 5; expected++) {
      const results = await Promise.allSettled([0, 1, 2, 3].map((n) =>
        (n % 2 === 0 ? store : other).putPolicy(policyOf(`writer ${n}`), { expected, author: `writer ${n}`, from: 'test' })))
      const won = results.filter((result) => result.status === 'fulfilled')
      t.equal(won.length, 1, `revision ${expected + 1}`)
      t.strictSame((await other.load()).policy, won[0]?.value)
      for (const result of results) if (result.status === 'rejected') t.equal(result.reason.code, 'policy.stale')
    }
  })

  t.test('tenants are put, replaced, listed in order and deleted', async (t) => {
    const { store, second } = await open(t)
    await store.putTenant({ account: 'microsoft', id: 'Contoso', name: 'Contoso Ltd', aliases: ['Contoso.Example', 'contoso.example'] }, BY)
    await store.putTenant({ account: 'google', id: 'example.com' }, BY)
    await store.putTenant({ account: 'microsoft', id: 'acme', name: 'Ac\u00e9' }, BY)
    const other = await second()
    const before = await other.load()
    t.strictSame(before.tenants, [
      { account: 'google', id: 'example.com' },
      { account: 'microsoft', id: 'acme', name: 'Ac\u00e9' },
      { account: 'microsoft', id: 'contoso', name: 'Contoso Ltd', aliases: ['contoso.example'] },
    ])
    await other.putTenant({ account: 'microsoft', id: 'contoso' }, BY)
    const { tenantsVersion: seen } = await store.load()
    t.equal(await store.deleteTenant('microsoft', 'ACME', BY, seen + 1), false, 'under another version')
    t.equal(await store.deleteTenant('microsoft', 'ACME', BY, seen), true)
    t.equal(await store.deleteTenant('microsoft', 'acme', BY), false)
    t.equal(await store.deleteTenant('dropbox', 'example.com', BY), false, 'an id belongs to its account')
    const after = await store.load()
    t.strictSame(after.tenants, [{ account: 'google', id: 'example.com' }, { account: 'microsoft', id: 'contoso' }])
    t.ok(after.tenantsVersion > before.tenantsVersion, 'the version counts up')
  })

  t.test('writers of tenants at the same time do not undo each other', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    const ids = Array.from({ length: 20 }, (_, n) => `tenant-${String(n).padStart(2, '0')}`)
    await Promise.all(ids.map((id, n) => (n % 2 === 0 ? store : other).putTenant({ account: 'google', id }, BY)))
    t.strictSame((await store.load()).tenants.map((tenant) => tenant.id), ids)
  })

  t.test('a tenant that is not one is refused, naming the field', async (t) => {
    const { store } = await open(t)
    for (const id of ['', 'a b', 'a/b', 'x'.repeat(254), 'a\nb', '..']) {
      await t.rejects(store.putTenant({ account: 'google', id }, BY), { code: 'tenant.invalid', faults: [{ path: 'id' }] })
    }
    const aliases = Array.from({ length: 101 }, (_, n) => `a${n}`)
    await t.rejects(store.putTenant({ account: 'google', id: 'a', aliases }, BY), { code: 'tenant.invalid', faults: [{ path: 'aliases' }] })
    await t.rejects(store.putTenant({ account: 'google', id: 'a', name: 'a\u001b[2J' }, BY), { code: 'tenant.invalid' })
    for (const [account, id, message] of [
      ['google', '*.co.uk', /too wide/], ['microsoft', '*.onmicrosoft.com', /onmicrosoft\.com/], ['microsoft', 'contoso-*', /contoso-evil/],
      ['aws', '*.contoso.com', /list each id/],
    ] as const) {
      await t.rejects(store.putTenant({ account, id }, BY), { code: 'tenant.invalid', faults: [{ path: 'id', message }] }, id)
      await t.rejects(store.putTenant({ account, id: 'fine', aliases: ['fine-too', id] }, BY), { code: 'tenant.invalid', faults: [{ path: 'aliases/1' }] }, id)
    }
    t.strictSame((await store.load()).tenants, [])
    const wild = { account: 'google', id: 'contoso.com', aliases: ['*.contoso.com'] } as const
    await store.putTenant(wild, BY)
    t.strictSame((await store.load()).tenants, [wild])
  })

  t.test('many tenants are put as one change, or none of them', async (t) => {
    const { store, second } = await open(t)
    await store.putTenant({ account: 'google', id: 'old.example', name: 'Old' }, BY)
    const before = await store.load()
    const many: Tenant[] = Array.from({ length: 5_000 }, (_, n) => ({ account: n % 2 === 0 ? 'google' : 'box', id: `T${n}.example`, name: `Nr ${n}` }))
    const wrong: Tenant[] = [...many, { account: 'google', id: 'not fine' }]
    await t.rejects(store.putTenants(wrong, BY), { code: 'tenant.invalid', message: /Entry 5000/, faults: [{ path: '5000/id' }] })
    t.strictSame(await store.load(), before)
    t.equal(await store.putTenants([...many, { account: 'google', id: 'old.example' }, { account: 'box', id: 't1.example', name: 'again' }], BY), true)
    const after = await (await second()).load()
    t.equal(after.tenantsVersion, before.tenantsVersion + 1, 'one change')
    t.equal(after.tenants.length, 5_001)
    t.strictSame(after.tenants.map(({ account, id }) => `${account} ${id}`), after.tenants.map(({ account, id }) => `${account} ${id}`).sort())
    const found = (account: string, id: string) => after.tenants.find((tenant) => tenant.account === account && tenant.id === id)
    t.strictSame(found('google', 't0.example'), { account: 'google', id: 't0.example', name: 'Nr 0' })
    t.strictSame(found('box', 't1.example'), { account: 'box', id: 't1.example', name: 'again' }, 'of two the last counts')
    t.strictSame(found('google', 'old.example'), { account: 'google', id: 'old.example' }, 'what is there is replaced')
  })

  t.test('tenants that are put for a version are refused at another', async (t) => {
    const { store, second } = await open(t)
    t.equal(await store.putTenants([{ account: 'google', id: 'a.example' }], BY, 0), true)
    const { tenantsVersion } = await store.load()
    await (await second()).putTenant({ account: 'google', id: 'b.example' }, BY)
    t.equal(await store.putTenants([{ account: 'google', id: 'c.example' }], BY, tenantsVersion), false)
    t.strictSame((await store.load()).tenants.map(({ id }) => id), ['a.example', 'b.example'])
  })

  t.test('a list that has not changed is the same list', async (t) => {
    const { store, second } = await open(t)
    await store.putTenant({ account: 'google', id: 'a.example' }, BY)
    const { tenants } = await store.load()
    await store.putPolicy(policyOf('x'), { expected: 0, author: 'ann', from: 'test' })
    t.equal((await store.load()).tenants, tenants)
    await (await second()).putTenant({ account: 'google', id: 'a.example', name: 'A' }, BY)
    t.strictSame((await store.load()).tenants, [{ account: 'google', id: 'a.example', name: 'A' }])
  })

  t.test('two who change one tenant at the same time both count', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    for (let round = 0; round < 5; round++) {
      const place = { account: 'microsoft', id: `contoso-${round}` } as const
      const made = await Promise.all([
        changeTenants(store, [{ ...place, name: 'Contoso' }], BY), changeTenants(other, [{ ...place, aliases: ['contoso.example'] }], BY),
        changeTenants(store, [{ account: 'google', id: 'by-the-way.example', name: `Round ${round}` }], BY),
      ])
      t.match(made, [[{ after: place }], [{ after: place }], [{}]])
      t.strictSame((await store.load()).tenants.filter(({ id }) => id === place.id), [{ ...place, name: 'Contoso', aliases: ['contoso.example'] }])
    }
    const place = { account: 'microsoft', id: 'contoso-0' } as const
    await Promise.all([changeTenants(store, [{ ...place, name: false }], BY), changeTenants(other, [{ ...place, aliases: ['a', 'b'] }], BY)])
    t.strictSame((await other.load()).tenants.filter(({ id }) => id === place.id), [{ ...place, aliases: ['a', 'b'] }])
  })

  t.test('tokens are put, replaced and deleted', async (t) => {
    const { store, second } = await open(t)
    await store.putToken(token, BY)
    await store.putToken({ ...token, id: 'b2', role: 'viewer', createdAt: '2025-01-02T00:00:00.000Z' }, BY)
    await store.putToken({ ...token, label: 'renamed' }, BY)
    const labels = (await (await second()).tokens()).map(({ id, label }) => `${id} ${label}`).sort()
    t.strictSame(labels, ['a1 renamed', 'b2 ci'])
    t.equal(await store.deleteToken('a1', BY), true)
    t.equal(await store.deleteToken('a1', BY), false)
    t.strictSame((await store.tokens()).map(({ id }) => id), ['b2'])
  })

  t.test('a change by another is told, until one stops listening', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    let heard = 0
    let heardToo = 0
    const stop = store.watch(() => heard++)
    const stopToo = store.watch(() => heardToo++)
    const rounds: [string, () => Promise<unknown>][] = [
      ['a policy', () => other.putPolicy(policyOf('told'), { expected: 0, author: 'ann', from: 'test' })],
      ['a tenant', () => other.putTenant({ account: 'google', id: 'told.example' }, BY)],
      ['its end', () => other.deleteTenant('google', 'told.example', BY)],
      ['a change of its own', () => store.putPolicy(policyOf('own'), { expected: 1, author: 'ann', from: 'test' })],
    ]
    for (const [what, change] of rounds) {
      const before = heard
      await change()
      await until(`${what} is told`, () => heard > before)
      t.pass(`${what} is told`)
    }
    await until('the other listener heard too', () => heardToo > 0)
    stop()
    const before = heard
    const beforeToo = heardToo
    await other.putTenant({ account: 'google', id: 'late.example' }, BY)
    await until('the one that stayed hears', () => heardToo > beforeToo)
    t.equal(heard, before, 'the one that stopped does not')
    stopToo()
  })
}
