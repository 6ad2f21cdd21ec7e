/** What every store promises of its audit log, and of what is kept beside the policy. Part of `contract.ts`. */
import { hash } from 'node:crypto'
import type { Test } from 'tap'
import { chained, hashOfEntry } from '../../../policy/store/audit-entry.ts'
import type { AuditEntry } from '../../../policy/store/audit-entry.ts'
import { verifyAudit } from '../../../policy/store/audit-verify.ts'
import type { Controls, ControlsChange, StoredToken } from '../../../policy/store/store.ts'
import { BY, policyOf } from './contract.ts'
import type { Opened } from './contract.ts'
import { until } from './wait.ts'

const token: StoredToken = {
  id: 'a1', hash: 'ab'.repeat(32), role: 'editor', label: 'ci', createdAt: '2025-01-01T00:00:00.000Z', expiresAt: '2099-01-01T00:00:00.000Z',
}
const controls: Controls = {
  version: 0,
  breakGlass: { reason: 'outage', author: 'ann', since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T01:00:00.000Z' },
  exceptions: [{
    id: 'x1', state: 'asked', rule: 'one', provider: null, user: 'eve', reason: 'must "send"', event: 'e1', askedAt: '2026-01-01T00:00:00.000Z',
  }],
}
const ask = (expected: number): ControlsChange => ({ ...BY, expected, action: 'exception.ask', subject: 'x1', detail: { rule: 'one' } })
const digest = (text: string): string => hash('sha256', text, 'hex')

/** `count` entries about nothing. */
async function notes({ store }: Opened, count: number): Promise<readonly AuditEntry[]> {
  for (let n = 1; n <= count; n++) await store.note({ ...BY, action: 'events.erase', subject: `user ${n}`, detail: { n } })
  return store.audit({ from: 1, limit: count })
}

export function auditContract(t: Test, open: (t: Test) => Promise<Opened>): void {
  t.test('each change has one entry: who, when, from where, what; chained, and without a secret', async (t) => {
    const { store, second } = await open(t)
    t.equal(await store.auditHead(), null)
    t.strictSame(await store.audit({ from: 1, limit: 10 }), [])
    const started = Date.now()
    await store.putPolicy(policyOf('first'), { ...BY, expected: 0, comment: 'start', source: 'default: allow\n# why\n' })
    await store.putPolicy(policyOf('second'), { expected: 1, author: 'token:7 bob', from: '192.0.2.7' })
    await store.putPolicy(policyOf('first'), { ...BY, expected: 2, restores: 1 })
    await store.putTenant({ account: 'google', id: 'Own.Example', name: 'Own' }, BY)
    await store.putTenant({ account: 'google', id: 'own.example', aliases: ['a.example'] }, BY)
    await store.putTenants(['own.example', 'b.example', 'c.example'].map((id) => ({ account: 'google', id })), BY)
    await store.deleteTenant('google', 'OWN.example', BY)
    await store.putToken(token, BY)
    await store.deleteToken('a1', BY)
    await store.putControls(controls, ask(0))
    await store.note({ ...BY, action: 'events.erase', subject: 'user eve' })
    const entries = await (await second()).audit({ from: 1, limit: 100 })
    t.match(entries.map(({ seq, author, from, action, subject, detail }) => ({ seq, author, from, action, subject, detail })), [
      { seq: 1, author: 'ann', from: 'test', action: 'policy.put', subject: 'revision 1', detail: { revision: 1, previous: 0, comment: 'start' } },
      { seq: 2, author: 'token:7 bob', from: '192.0.2.7', action: 'policy.put', detail: { revision: 2, previous: 1, rules: [{ id: 'one', is: 'changed' }] } },
      { seq: 3, action: 'policy.restore', subject: 'revision 3', detail: { revision: 3, previous: 2, restores: 1 } },
      { seq: 4, action: 'tenant.put', subject: 'google/own.example', detail: { before: undefined, after: { name: 'Own' } } },
      { seq: 5, action: 'tenant.put', detail: { before: { name: 'Own' }, after: { aliases: ['a.example'] } } },
      { seq: 6, action: 'tenants.import', detail: { count: 3, added: 2, replaced: 1, first: ['google/own.example', 'google/b.example', 'google/c.example'] } },
      { seq: 7, action: 'tenant.delete', subject: 'google/own.example', detail: { before: {} } },
      { seq: 8, action: 'token.create', subject: 'a1', detail: { role: 'editor', label: 'ci', expiresAt: token.expiresAt } },
      { seq: 9, action: 'token.delete', subject: 'a1', detail: { role: 'editor', label: 'ci' } },
      { seq: 10, action: 'exception.ask', subject: 'x1', detail: { rule: 'one' } },
      { seq: 11, author: 'ann', from: 'test', action: 'events.erase', subject: 'user eve', detail: undefined },
    ])
    t.equal(entries.length, 11)
    t.notMatch(JSON.stringify(entries), token.hash)
    for (const [i, entry] of entries.entries()) {
      t.equal(entry.prev, entries[i - 1]?.hash ?? '')
      t.equal(entry.hash, hashOfEntry(entry))
      t.ok(Date.parse(entry.at) >= started && Date.parse(entry.at) <= Date.now())
    }
    const head = await store.auditHead()
    t.strictSame(head, { seq: 11, hash: entries[10]?.hash })
    t.strictSame(await verifyAudit(store), { entries: 11, head, fault: null })
    t.strictSame((await store.audit({ from: 4, limit: 3 })).map(({ seq }) => seq), [4, 5, 6])
    t.strictSame(await store.audit({ from: 12, limit: 3 }), [])
  })

  t.test('what changes nothing has no entry', async (t) => {
    const { store } = await open(t)
    await t.rejects(store.putPolicy(policyOf('x'), { ...BY, expected: 3 }), { code: 'policy.stale' })
    await t.rejects(store.putTenant({ account: 'google', id: 'not fine' }, BY), { code: 'tenant.invalid' })
    t.equal(await store.putTenants([{ account: 'google', id: 'a.example' }], BY, 7), false)
    t.equal(await store.deleteTenant('google', 'a.example', BY), false)
    t.equal(await store.deleteToken('a1', BY), false)
    t.equal(await store.putControls(controls, ask(4)), false)
    await store.usedToken('a1', Date.now())
    t.equal(await store.auditHead(), null)
    t.strictSame((await store.load()).controls, { version: 0, breakGlass: null, exceptions: [] })
  })

  t.test('of many writers at once each change has its entry, and none has two', async (t) => {
    const { store, second } = await open(t)
    const writers = [store, await second(), await second()]
    const ids = Array.from({ length: 12 }, (_, n) => `t${String(n).padStart(2, '0')}`)
    const policies = Array.from({ length: 4 }, () => 0)
    await Promise.all(writers.flatMap((writer, w) => [
      ...ids.map((id) => writer.putTenant({ account: 'box', id: `${id}-${w}` }, BY)),
      ...ids.map((id) => writer.note({ ...BY, action: 'events.erase', subject: `${id}-${w}` })),
      ...policies.map(() => writer.putPolicy(policyOf(`by ${w}`), { ...BY, expected: 0 }).catch(() => undefined)),
    ]))
    const entries = await store.audit({ from: 1, limit: 1_000 })
    t.equal(entries.length, 3 * 2 * ids.length + 1)
    t.equal(new Set(entries.map(({ action, subject }) => `${action} ${subject}`)).size, entries.length)
    t.equal((await verifyAudit(store)).fault, null)
    for (const writer of writers) t.strictSame(await writer.auditHead(), { seq: entries.length, hash: entries.at(-1)?.hash })
  })

  t.test('an entry that was changed, moved or taken away is seen, and where', async (t) => {
    const opened = await open(t)
    const entries = await notes(opened, 5)
    const [, second, third, fourth] = entries.map((entry) => JSON.stringify(entry))
    if (second === undefined || third === undefined || fourth === undefined || entries[2] === undefined) throw new Error('there are five')
    const rehashed = { ...entries[2], author: 'nobody' }
    const cases: [string, Record<number, string | null>, RegExp][] = [
      ['changed', { 3: third.replace('"ann"', '"eve"') }, /entry 3 has been changed/],
      ['changed, with a hash that fits', { 3: JSON.stringify({ ...rehashed, hash: hashOfEntry(rehashed) }) }, /entry 4 does not follow upon the one before/],
      ['its detail changed', { 3: third.replace('"n":3', '"n":4') }, /entry 3 has been changed/],
      ['taken away', { 3: null }, /entry 3 is missing/],
      ['the first taken away', { 1: null }, /entry 1 is missing/],
      ['swapped', { 3: fourth, 4: third }, /3.* says entry 4/],
      ['swapped, with the numbers put right', { 3: fourth.replace('"seq":4', '"seq":3'), 4: third.replace('"seq":3', '"seq":4') }, /entry 3 has been changed/],
      ['no JSON any more', { 3: third.slice(0, -2) }, /3.* is damaged/],
    ]
    for (const [what, changes, fault] of cases) {
      for (const [seq, text] of Object.entries(changes)) await opened.tamper(Number(seq), text)
      t.match((await verifyAudit(opened.store)).fault, fault, what)
      for (const entry of entries) await opened.tamper(entry.seq, JSON.stringify(entry))
      t.equal((await verifyAudit(opened.store)).fault, null)
    }
  })

  t.test('a log that was made anew holds within itself, but not to a head that was noted', async (t) => {
    const opened = await open(t)
    const entries = await notes(opened, 4)
    const noted = { seq: 3, hash: entries[2]?.hash ?? '' }
    t.equal((await verifyAudit(opened.store, noted)).fault, null)
    t.match((await verifyAudit(opened.store, { seq: 9, hash: noted.hash })).fault, /ends with entry 4, but 9:\w+ was noted/)
    let last: AuditEntry | null = null
    for (const { seq, prev, hash: _, heads, ...change } of entries) {
      last = chained(last, { ...change, author: 'nobody' }, heads)
      await opened.tamper(seq, JSON.stringify(last))
    }
    t.match((await verifyAudit(opened.store, noted)).fault, /entry 3 is another than 3:\w+, which was noted/)
  })

  t.test('revisions are listed newest first, in pages, with all that was said of them', async (t) => {
    const { store, second } = await open(t)
    t.strictSame(await store.revisions({ limit: 5 }), [])
    const made = []
    for (let n = 0; n < 5; n++) {
      const more = n === 2 ? { comment: 'why', source: 'rules: [] # none\n', restores: 1 } : {}
      made.unshift(await store.putPolicy(policyOf(`nr ${n}`), { ...BY, expected: n, ...more }))
    }
    t.match(made[2], { revision: 3, author: 'ann', from: 'test', comment: 'why', source: 'rules: [] # none\n', restores: 1 })
    const other = await second()
    t.strictSame(await other.revisions({ limit: 10 }), made)
    t.strictSame(await other.revisions({ limit: 2 }), made.slice(0, 2))
    t.strictSame(await other.revisions({ before: 4, limit: 2 }), made.slice(2, 4))
    t.strictSame(await other.revisions({ before: 1, limit: 2 }), [])
  })

  t.test('controls are replaced whole, at the version that was seen, and told', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    let heard = 0
    other.watch(() => heard++)
    t.equal(await store.putControls(controls, ask(0)), true)
    await until('it is told', () => heard > 0)
    t.strictSame((await other.load()).controls, { ...controls, version: 1 })
    t.equal(await other.putControls({ ...controls, breakGlass: null }, ask(0)), false, 'at another version')
    const made = await Promise.all([store, other, store, other].map((one) => one.putControls({ ...controls, exceptions: [] }, ask(1))))
    t.strictSame(made.filter((won) => won), [true], 'of several one wins')
    t.strictSame((await store.load()).controls, { ...controls, version: 2, exceptions: [] })
  })

  t.test('the last use of a token is kept beside it and goes with it', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    await store.putToken({ ...token, lastUsedAt: '2000-01-01T00:00:00.000Z' }, BY)
    t.strictSame(await other.tokens(), [token], 'a use is not put with the token')
    const at = Date.parse('2026-02-03T04:05:06.789Z')
    await store.usedToken('a1', at)
    await other.usedToken('a1', at - 60_000)
    for (const one of [store, other]) t.strictSame(await one.tokens(), [{ ...token, lastUsedAt: '2026-02-03T04:05:06.789Z' }], 'the latest counts')
    await other.usedToken('a1', at + 1_000)
    t.equal((await store.tokens())[0]?.lastUsedAt, '2026-02-03T04:05:07.789Z')
    await other.usedToken('../../none', at)
    t.equal((await store.auditHead())?.seq, 1, 'no change of anything')
    await store.deleteToken('a1', BY)
    await store.putToken(token, BY)
    t.strictSame(await other.tokens(), [token])
  })

  t.test('what is remembered stays as it was first, until its time is over', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    t.equal(await store.remembered(digest('a')), null)
    const made = await Promise.all([store, other, store, other].map((one, n) => one.remember(digest('a'), `answer "${n}"`, 60_000)))
    t.equal(made.filter((won) => won).length, 1, 'one wins')
    const text = `answer "${made.indexOf(true)}"`
    for (const one of [store, other]) t.equal(await one.remembered(digest('a')), text)
    t.equal(await other.remembered(digest('b')), null)
    t.equal(await store.remember(digest('b'), 'short', 300), true)
    t.equal(await other.remembered(digest('b')), 'short')
    await until('its time is over', async () => await other.remembered(digest('b')) === null)
    const again = await Promise.all([store, other].map((one, n) => one.remember(digest('b'), `again ${n}`, 60_000)))
    t.equal(again.filter((won) => won).length, 1)
    t.equal(await store.remembered(digest('b')), `again ${again.indexOf(true)}`)
    t.equal(await store.remember(digest('a'), 'late', 60_000), false)
  })
}
