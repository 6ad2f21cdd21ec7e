/** What every store promises of what it keeps for a time: upload sessions and bindings. A part of `contract.ts`. */
import type { Test } from 'tap'
import type { BindingRecord, StoredBinding } from '../../../policy/store/binding-record.ts'
import type { SessionRecord } from '../../../policy/store/session-record.ts'
import type { Opened } from './contract.ts'
import { until } from './wait.ts'

const digest = (n: number): string => n.toString(16).padStart(32, '0')
const HOUR = 3_600_000

const session: SessionRecord = {
  bytes: 10, sent: 12, size: 5_000_000_000_000, fileName: 'Übersicht "1".docx', contentType: 'text/plain', tenantId: 'contoso',
  tenantIs: 'sure', credential: 'ab'.repeat(16), startedAt: 1_700_000_000_000, updatedAt: 1_700_000_000_001,
}

const binding: BindingRecord = {
  account: 'microsoft', tenants: ['contoso', 'contoso.example'], person: 'cd'.repeat(16), mayAllow: true, how: 'learned',
  at: 1_700_000_000_000,
}

/** The record alone, once its time was found to be within the hour. */
function recordOf(t: Test, found: StoredBinding | null): BindingRecord | null {
  if (found === null) return null
  const { leftMs, ...record } = found
  t.ok(leftMs > HOUR - 60_000 && leftMs <= HOUR + 1_000, `${leftMs} ms are left`)
  return record
}

export function expiringContract(t: Test, open: (t: Test) => Promise<Opened>): void {
  t.test('a session is kept whole, for others too', async (t) => {
    const { store, second } = await open(t)
    t.equal(await store.session(digest(1)), null)
    await store.putSession(digest(1), session, HOUR)
    t.strictSame(await store.session(digest(1)), session)
    t.strictSame(await (await second()).session(digest(1)), session)
    t.equal(await store.session(digest(2)), null)
    const bare: SessionRecord = { bytes: 0, sent: 0, startedAt: 0, updatedAt: 5 }
    await store.putSession(digest(2), bare, HOUR)
    t.strictSame(await store.session(digest(2)), bare)
  })

  t.test('of a session the most bytes count, whoever writes last; what one writer does not know stays', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    await store.putSession(digest(1), session, HOUR)
    await other.putSession(digest(1), { bytes: 700, sent: 8, startedAt: 0, updatedAt: 1_700_000_000_002 }, HOUR)
    await store.putSession(digest(1), { bytes: 20, sent: 0, startedAt: 0, updatedAt: 1_700_000_000_003 }, HOUR)
    t.match(await other.session(digest(1)), { ...session, bytes: 700, sent: 20, updatedAt: 1_700_000_000_003 })
    const counts = Array.from({ length: 40 }, (_, n) => 1_000 + (n * 7) % 40)
    await Promise.all(counts.map((bytes, n) => (n % 2 === 0 ? store : other).putSession(digest(1), { ...session, bytes }, HOUR)))
    t.match(await store.session(digest(1)), { bytes: 1_039, sent: 20 + 40 * 12 })
  })

  t.test('what several writers have sent in a session adds up, however their writes meet', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    const writers = [store, other, store, other]
    for (let round = 1; round <= 5; round++) {
      await Promise.all(writers.map((writer, n) => writer.putSession(digest(1), { bytes: 900, sent: 10 ** n, startedAt: 0, updatedAt: 5 }, HOUR)))
      for (const reader of [store, other]) t.match(await reader.session(digest(1)), { bytes: 900, sent: round * 1_111 })
    }
    const third = await second()
    await third.putSession(digest(1), { bytes: 900, sent: 7, startedAt: 0, updatedAt: 5 }, HOUR)
    t.match(await store.session(digest(1)), { sent: 5_562 })
  })

  t.test('sessions end by their time, or when they are forgotten', async (t) => {
    const { store, second } = await open(t)
    await store.putSession(digest(1), session, 900)
    await store.putSession(digest(2), session, HOUR)
    t.ok(await store.session(digest(1)))
    await until('its time is over', async () => await store.session(digest(1)) === null)
    t.ok(await store.session(digest(2)))
    await (await second()).putSession(digest(2), session, 0)
    t.equal(await store.session(digest(2)), null)
    await store.putSession(digest(2), { ...session, bytes: 1 }, HOUR)
    t.equal((await store.session(digest(2)))?.bytes, 1, 'another upload under the same key starts anew')
  })

  t.test('a binding is kept whole, for others too, and the last write wins', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    t.equal(await store.binding(digest(1)), null)
    await store.putBinding(digest(1), binding, HOUR)
    for (const reader of [store, other]) t.strictSame(recordOf(t, await reader.binding(digest(1))), binding)
    const { person, ...bare } = { ...binding, tenants: ['fabrikam'], mayAllow: false, how: 'asked' as const, at: 5 }
    await other.putBinding(digest(1), bare, HOUR)
    for (const reader of [store, other]) t.strictSame(recordOf(t, await reader.binding(digest(1))), bare)
    await store.putBinding(digest(1), { ...binding, tenants: [] }, HOUR)
    t.strictSame((await other.binding(digest(1)))?.tenants, [])
    t.equal(await store.binding(digest(2)), null)
  })

  t.test('bindings that many write at once are there whole', async (t) => {
    const { store, second } = await open(t)
    const writers = [store, await second(), await second()]
    for (let round = 0; round < 5; round++) {
      await Promise.all(writers.flatMap((writer, n) => [0, 1].map((i) =>
        writer.putBinding(digest(1), { ...binding, tenants: [`t${round}-${n}-${i}`] }, HOUR))))
      const found = await Promise.all(writers.map(async (reader) => (await reader.binding(digest(1)))?.tenants))
      t.match(found[0], [new RegExp(`^t${round}-`)])
      for (const one of found) t.strictSame(one, found[0])
    }
  })

  t.test('bindings end by their time, or when they are forgotten', async (t) => {
    const { store, second } = await open(t)
    const other = await second()
    await store.putBinding(digest(1), binding, HOUR)
    await other.putBinding(digest(1), binding, 900)
    await store.putBinding(digest(2), binding, HOUR)
    t.ok(((await store.binding(digest(1)))?.leftMs ?? Infinity) <= 2_000, 'the shorter time counts, for it came last')
    await until('its time is over', async () => await store.binding(digest(1)) === null)
    t.ok(await store.binding(digest(2)))
    await other.putBinding(digest(2), binding, 0)
    t.equal(await store.binding(digest(2)), null)
    await store.putBinding(digest(2), binding, HOUR)
    t.ok(await other.binding(digest(2)), 'and may be known again')
  })

  t.test('a damaged binding counts as none and is replaced', async (t) => {
    const { store, damage } = await open(t)
    const texts = ['', '{"account":"micro', '[]', 'null', '"text"', '{}',
      JSON.stringify({ ...binding, account: 'another' }), JSON.stringify({ ...binding, mayAllow: 'yes' }),
      JSON.stringify({ ...binding, person: '../../policy' }), JSON.stringify({ ...binding, tenants: [''] }),
      JSON.stringify({ ...binding, tenants: Array.from({ length: 17 }, () => 'contoso') })]
    for (const text of texts) {
      await store.putBinding(digest(1), binding, HOUR)
      await damage(digest(1), text)
      t.equal(await store.binding(digest(1)), null, text.slice(0, 60))
      t.strictSame(store.health(), { up: true })
    }
    await store.putBinding(digest(1), binding, HOUR)
    t.strictSame(recordOf(t, await store.binding(digest(1))), binding)
    await damage(digest(1), JSON.stringify({ ...binding, secret: 'extra' }))
    t.strictSame(recordOf(t, await store.binding(digest(1))), binding, 'what is not of it is left out')
  })
}
