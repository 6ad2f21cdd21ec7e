import { createSecretKey, hash, randomBytes } from 'node:crypto'
import t from 'tap'
import { BINDING_DIGEST } from '../../../policy/store/binding-record.ts'
import type { BindingRecord, StoredBinding } from '../../../policy/store/binding-record.ts'
import { Bindings } from '../../../policy/tenant/bindings.ts'
import type { BindingsOptions } from '../../../policy/tenant/bindings.ts'
import { until } from '../store/wait.ts'

const key = createSecretKey(randomBytes(32))
const HOUR = 3_600_000
const contoso: BindingRecord = { account: 'microsoft', tenants: ['contoso', 'contoso.example'], mayAllow: true, how: 'learned', at: 10 }
const fabrikam: BindingRecord = { ...contoso, tenants: ['fabrikam'], at: 20 }

/** A store in memory that is silent or fails on command. */
class FakeStore {
  readonly held = new Map<string, StoredBinding>()
  reads = 0
  writes = 0
  down = false
  /** While it is set, nothing is answered. */
  silence: Promise<void> | undefined

  async binding(digest: string): Promise<StoredBinding | null> {
    this.reads++
    await this.silence
    if (this.down) throw new Error('the store is down')
    return this.held.get(digest) ?? null
  }

  async putBinding(digest: string, record: BindingRecord, leftMs: number): Promise<void> {
    this.writes++
    await this.silence
    if (this.down) throw new Error('the store is down')
    this.held.set(digest, { ...record, leftMs })
  }

  /** Answers nothing until the function is called. */
  fallSilent(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.silence = promise
    return () => {
      this.silence = undefined
      resolve()
    }
  }
}

function make(options: Partial<BindingsOptions> = {}): Bindings {
  return new Bindings({ key, ...options })
}

t.test('a digest is an HMAC (RFC 2104) of account, kind and id', async (t) => {
  for (const length of [32, 64, 65, 200]) {
    const bytes = randomBytes(length)
    const padded = Buffer.concat([length > 64 ? hash('sha256', bytes, 'buffer') : bytes, Buffer.alloc(64)]).subarray(0, 64)
    const mac = (text: string): string => {
      const inner = hash('sha256', Buffer.concat([padded.map((byte) => byte ^ 0x36), Buffer.from(text)]), 'buffer')
      return hash('sha256', Buffer.concat([padded.map((byte) => byte ^ 0x5c), inner]), 'hex')
    }
    const digest = make({ key: createSecretKey(bytes) }).digest('google', 'credential', 'ya29.ü')
    t.equal(digest, mac('google\ncredential\nya29.ü').slice(0, 32), `a key of ${length} bytes`)
    t.match(digest, BINDING_DIGEST)
  }
})

t.test('no two things have one digest', async (t) => {
  const one = make()
  const other = make({ key: createSecretKey(randomBytes(32)) })
  const ids = ['', 'a', 'b', 'a\nb', 'credential\na', '\ud800', '\ud801', '\ufffd', 'x'.repeat(20_000), `${'x'.repeat(20_000)}y`]
  const kinds = ['credential', 'person', 'place'] as const
  const digests = ids.flatMap((id) => [one, other].flatMap((bindings) =>
    (['microsoft', 'google'] as const).flatMap((account) => kinds.map((kind) => bindings.digest(account, kind, id)))))
  t.equal(new Set(digests).size, ids.length * 12)
  t.equal(one.digest('box', 'place', '7'), make().digest('box', 'place', '7'), 'but the same thing the same one')
})

t.test('a binding is known at once, until its time is over', async (t) => {
  let now = 1
  const bindings = make({ now: () => now })
  t.equal(bindings.get('a'), undefined)
  t.equal(await bindings.load('a'), 'none')
  bindings.put('a', contoso, HOUR)
  t.strictSame(bindings.get('a'), contoso)
  t.equal(await bindings.load('a'), 'known')
  now += HOUR
  t.strictSame(bindings.get('a'), contoso)
  now += 1
  t.equal(bindings.get('a'), undefined)
  t.equal(bindings.isFresh('a'), true, 'there is no store that could tell')
})

t.test('lifetimes are bounded, whatever a provider says', async (t) => {
  let now = 1
  const bindings = make({ now: () => now, ttl: { atLeastMs: 100, atMostMs: 1_000 } })
  for (const ttl of [-5, 0, 1, Number.NaN]) {
    bindings.put('a', contoso, ttl)
    now += 100
    t.ok(bindings.get('a'), `${ttl}`)
    now += 1
    t.equal(bindings.get('a'), undefined, `${ttl}`)
  }
  for (const ttl of [1_001, Number.MAX_SAFE_INTEGER, Infinity]) {
    bindings.put('a', contoso, ttl)
    now += 1_000
    t.ok(bindings.get('a'), `${ttl}`)
    now += 1
    t.equal(bindings.get('a'), undefined, `${ttl}`)
  }
})

t.test('what may allow is not replaced by what may not while it lives; among equals the newer counts', async (t) => {
  let now = 1
  const bindings = make({ now: () => now })
  const claim = { ...fabrikam, mayAllow: false }
  bindings.put('a', claim, HOUR)
  bindings.put('a', contoso, HOUR)
  t.strictSame(bindings.get('a'), contoso, 'though it is older')
  bindings.put('a', { ...claim, at: 999 }, HOUR)
  t.strictSame(bindings.get('a'), contoso)
  bindings.put('a', fabrikam, HOUR)
  t.strictSame(bindings.get('a'), fabrikam)
  bindings.put('a', contoso, HOUR)
  t.strictSame(bindings.get('a'), fabrikam)
  now += HOUR + 1
  bindings.put('a', claim, HOUR)
  t.strictSame(bindings.get('a'), claim)
})

t.test('the store takes no claim over what may allow, also from a node that did not know', async (t) => {
  const store = new FakeStore()
  const [one, two] = [make({ store, shared: true }), make({ store, shared: true })]
  one.put('a', contoso, HOUR)
  await until('it is stored', () => store.held.has('a'))
  two.put('a', { ...fabrikam, mayAllow: false }, HOUR)
  await two.close()
  t.match(store.held.get('a'), contoso)
  t.strictSame(two.get('a'), contoso, 'and the node knows now')
})

t.test('in a shared store what may not allow is looked up again, for others may know better', async (t) => {
  let now = 1
  const store = new FakeStore()
  const claim = { ...contoso, mayAllow: false }
  store.held.set('a', { ...claim, leftMs: HOUR })
  const two = make({ store, shared: true, now: () => now })
  const alone = make({ store, now: () => now })
  for (const bindings of [two, alone]) t.equal(await bindings.load('a'), 'known')
  t.strictSame([two.isFresh('a'), alone.isFresh('a')], [true, true])
  now += 2_001
  t.strictSame([two.isFresh('a'), alone.isFresh('a')], [false, true])
  store.held.set('a', { ...contoso, leftMs: HOUR })
  await two.load('a')
  t.strictSame(two.get('a'), contoso)
  now += 2_001
  t.equal(two.isFresh('a'), true)
})

t.test('what the store knows counts for as long as it does there', async (t) => {
  let now = 1
  const store = new FakeStore()
  store.held.set('a', { ...contoso, leftMs: 500 })
  const bindings = make({ store, now: () => now })
  t.equal(bindings.isFresh('a'), false)
  t.equal(await bindings.load('a'), 'known')
  t.strictSame(bindings.get('a'), contoso)
  t.equal(bindings.isFresh('a'), true)
  now += 501
  t.equal(bindings.get('a'), undefined)
})

t.test('that the store knows nothing counts for two seconds', async (t) => {
  let now = 1
  const store = new FakeStore()
  const bindings = make({ store, now: () => now })
  t.equal(await bindings.load('a'), 'none')
  t.equal(bindings.isFresh('a'), true)
  t.equal(bindings.isFresh('b'), false)
  now += 2_001
  t.equal(bindings.isFresh('a'), false)
})

t.test('a store that is silent holds nobody up, and is asked once for each', async (t) => {
  const lines: string[] = []
  const store = new FakeStore()
  store.held.set('a', { ...contoso, leftMs: HOUR })
  const speak = store.fallSilent()
  let now = 1
  const bindings = make({ store, lookupMs: 30, now: () => now, log: (level, message) => lines.push(`${level} ${message}`) })
  t.strictSame(await Promise.all([bindings.load('a'), bindings.load('a')]), ['failed', 'failed'])
  t.strictSame([bindings.isAway, bindings.isFresh('a'), bindings.isFresh('b')], [true, false, false], 'what it could tell stays unknown')
  t.equal(await bindings.load('b'), 'failed', 'it is not asked again at once')
  now += 1_001
  t.strictSame([bindings.isAway, bindings.isFresh('a')], [false, false])
  t.equal(await bindings.load('a'), 'failed', 'the question is still under way')
  t.equal(store.reads, 1)
  speak()
  await until('the late answer is taken', () => bindings.get('a') !== undefined)
  t.equal(await bindings.load('a'), 'known')
  t.equal(bindings.failures, 1)
  t.strictSame(lines, ['warn Not all bindings are kept and shared: a look-up took too long'])
})

t.test('during an outage memory goes on, and failures are counted and told sparingly', async (t) => {
  let now = 1
  const lines: string[] = []
  const store = new FakeStore()
  const bindings = make({ store, now: () => now, log: (_level, message) => lines.push(message) })
  bindings.put('a', contoso, HOUR)
  await until('it is stored', () => store.held.size === 1)
  store.down = true
  for (let n = 0; n < 5; n++) {
    t.equal(await bindings.load(`unknown ${n}`), 'failed')
    now += 1_001
  }
  t.strictSame([bindings.get('a'), bindings.isFresh('a')], [contoso, true])
  t.equal(bindings.failures, 5)
  t.strictSame(lines, ['Not all bindings are kept and shared: the store is down'])
  now += 60_000
  await bindings.load('unknown')
  t.equal(lines.length, 2)
})

t.test('a flood of made-up credentials takes bounded memory and drives out nothing that is known', async (t) => {
  const store = new FakeStore()
  const bindings = make({ store, max: 100, now: () => 1 })
  bindings.put('a', contoso, HOUR)
  for (let n = 0; n < 1_000; n++) await bindings.load(`made up ${n}`)
  t.strictSame(bindings.get('a'), contoso)
  t.equal(bindings.size, 1)
  t.strictSame([949, 950, 999].map((n) => bindings.isFresh(`made up ${n}`)), [false, true, true], 'the last of them are remembered')
})

t.test('of a silent store only so much is asked at once', async (t) => {
  const store = new FakeStore()
  const speak = store.fallSilent()
  const bindings = make({ store, max: 1_000, lookupMs: 60_000 })
  const lookups = Array.from({ length: 300 }, (_, n) => bindings.load(`made up ${n}`))
  t.equal(store.reads, 200)
  speak()
  const answers = await Promise.all(lookups)
  t.equal(answers.filter((answer) => answer === 'failed').length, 100)
  t.equal(await bindings.load('later'), 'none', 'which holds for that moment only')
})

t.test('what is known is bounded in number and memory', async (t) => {
  const few = make({ max: 3 })
  for (const id of ['a', 'b', 'c']) few.put(id, contoso, HOUR)
  few.get('a')
  few.put('d', contoso, HOUR)
  t.strictSame(['a', 'b', 'c', 'd'].map((id) => few.get(id) !== undefined), [true, false, true, true])
  const many = make()
  const long = { ...contoso, tenants: Array.from({ length: 16 }, (_, n) => `${n}`.padEnd(256, 'x')) }
  for (let n = 0; n < 20_000; n++) many.put(`${n}`, long, HOUR)
  t.ok(many.size > 10_000 && many.size < 16_000, `${many.size} bindings`)
})

t.test('what could not be read back is not kept', async (t) => {
  const lines: string[] = []
  const store = new FakeStore()
  const bindings = make({ store, log: (_level, message) => lines.push(message) })
  bindings.put('a', { ...contoso, tenants: Array.from({ length: 17 }, () => 'x') }, HOUR)
  bindings.put('b', { ...contoso, person: 'alice' }, HOUR)
  await bindings.close()
  t.strictSame([bindings.size, bindings.failures, store.writes, lines.length], [0, 2, 0, 1])
})

t.test('an unchanged binding is written again when half of its lifetime is over, a changed one at once', async (t) => {
  let now = 1
  const store = new FakeStore()
  const bindings = make({ store, now: () => now })
  const put = async (record: BindingRecord): Promise<number> => {
    bindings.put('a', record, HOUR)
    for (let n = 0; n < 5; n++) await Promise.resolve()
    return store.writes
  }
  t.equal(await put(contoso), 1)
  now += HOUR / 2 - 1
  t.equal(await put({ ...contoso, at: 11 }), 1)
  now += 1
  t.equal(await put({ ...contoso, at: 12 }), 2)
  t.equal(await put({ ...contoso, at: 13 }), 2)
  t.equal(await put({ ...fabrikam, at: 14 }), 3)
  t.equal(await put({ ...fabrikam, person: 'ab'.repeat(16), at: 15 }), 4)
  now += HOUR
  t.ok(bindings.get('a'), 'memory keeps it from when it was last learned')
})

t.test('writes under way are bounded', async (t) => {
  const store = new FakeStore()
  const bindings = make({ store })
  const speak = store.fallSilent()
  for (let n = 0; n < 500; n++) bindings.put(`${n}`, contoso, HOUR)
  for (let n = 0; n < 500; n++) bindings.put(`${n}`, fabrikam, HOUR)
  t.equal(store.writes, 64)
  speak()
  await until('all are stored', () => store.held.size === 500 && [...store.held.values()].every(({ tenants }) => tenants[0] === 'fabrikam'))
  t.equal(store.writes, 564, 'what was not begun is written once')
})

t.test('two writes of one binding are never under way together, so that the last one arrives last', async (t) => {
  const store = new FakeStore()
  const bindings = make({ store })
  const speak = store.fallSilent()
  bindings.put('a', contoso, HOUR)
  bindings.put('a', fabrikam, HOUR)
  t.equal(store.writes, 1)
  speak()
  await until('the last is stored', () => store.held.get('a')?.tenants[0] === 'fabrikam')
})

t.test('what could not be written is written when the store is back', async (t) => {
  let now = 1
  const store = new FakeStore()
  store.down = true
  const bindings = make({ store, now: () => now })
  for (let n = 0; n < 200; n++) bindings.put(`${n}`, contoso, HOUR)
  await until('it was tried', () => bindings.failures > 0)
  t.ok(store.writes <= 64, `${store.writes} attempts`)
  store.down = false
  now += 10_000
  await until('all are stored', () => store.held.size === 200)
})

t.test('closing writes what is left, and does not wait for a store that is silent', async (t) => {
  const store = new FakeStore()
  const bindings = make({ store })
  for (let n = 0; n < 1_000; n++) bindings.put(`${n}`, contoso, HOUR)
  await bindings.close()
  t.equal(store.held.size, 1_000)
  const silent = new FakeStore()
  const speak = silent.fallSilent()
  const other = make({ store: silent })
  other.put('a', contoso, HOUR)
  await other.close()
  other.put('b', contoso, HOUR)
  t.equal(silent.writes, 1, 'nothing is written after the end')
  speak()
  await make().close()
})
