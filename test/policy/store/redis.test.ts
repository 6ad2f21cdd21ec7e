import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { changeTenants } from '../../../policy/store/change-tenants.ts'
import { NO_CONTROLS } from '../../../policy/store/controls-record.ts'
import { openStore } from '../../../policy/store/open.ts'
import { retryAfter } from '../../../policy/store/redis-link.ts'
import type { Store } from '../../../policy/store/store.ts'
import { BY, contract, policyOf } from './contract.ts'
import { noRedis, startRedis } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'
import { until } from './wait.ts'

const NEVER = 'redis://127.0.0.1:1'

const server = await startRedis()
if (server === null) t.test('the Redis store', { skip: noRedis() }, () => undefined)
else {
  t.teardown(() => server.close())
  await t.test('the contract', async (t) => contract(t, async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    return {
      store, second: () => opened(t, server, false),
      tamper: async (seq, text) => void await (text === null ? raw.hdel('{sluice}:audit', String(seq)) : raw.hset('{sluice}:audit', seq, text)),
      damage: async (digest, text) => void await raw.set(`{sluice}:binding:${digest}`, text, 'KEEPTTL'),
    }
  }))
  await t.test('what only Redis does', async (t) => redisOnly(t, server))
}

async function opened(t: Test, { url }: RedisServer, empty = true, log?: (level: string, message: string) => void): Promise<Store> {
  if (empty) {
    const raw = new Redis(url)
    await raw.flushall()
    raw.disconnect()
  }
  const store = await openStore(url, log === undefined ? {} : { log })
  t.teardown(() => store.close())
  return store
}

function rawClient(t: Test, { url }: RedisServer): Redis {
  const raw = new Redis(url)
  t.teardown(() => raw.disconnect())
  return raw
}

function redisOnly(t: Test, server: RedisServer): void {
  t.test('tenants written by another tool count, and are noticed without a message', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    let heard = 0
    store.watch(() => heard++)
    const before = await store.load()
    const seen = heard
    await raw.hset('{sluice}:tenants:microsoft', 'Contoso', '{"name":"Contoso","aliases":["C.Example"]}')
    await until('the new tenant is noticed', () => heard > seen)
    const after = await store.load()
    t.strictSame(after.tenants, [{ account: 'microsoft', id: 'contoso', name: 'Contoso', aliases: ['c.example'] }])
    t.equal(after.tenantsVersion, before.tenantsVersion + 1, 'the change was counted once')
    const again = heard
    await raw.hset('{sluice}:tenants:microsoft', 'Contoso', '{"name":"Contoso, renamed"}')
    await until('a change that leaves the number of fields is noticed', () => heard > again)
    t.equal(await store.deleteTenant('microsoft', 'contoso', BY), true, 'capitals do not keep it')
    t.strictSame((await store.load()).tenants, [])
  })

  t.test('what another tool writes between reading and putting is not lost', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    await store.putTenant({ account: 'box', id: 'ours' }, BY)
    const { tenantsVersion } = await store.load()
    await raw.hset('{sluice}:tenants:box', 'ours', '{"name":"by hand"}')
    t.equal(await store.putTenants([{ account: 'box', id: 'ours', aliases: ['a1'] }], BY, tenantsVersion), false)
    await changeTenants(store, [{ account: 'box', id: 'ours', aliases: ['a1'] }], BY)
    t.strictSame((await store.load()).tenants, [{ account: 'box', id: 'ours', name: 'by hand', aliases: ['a1'] }])
  })

  t.test('a long list is looked at seldom, but at once when a message says so', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    await store.putTenants(Array.from({ length: 20_000 }, (_, n) => ({ account: 'google', id: `t${n}.example`, name: 'x'.repeat(200) })), BY)
    const pause = await raw.pttl('{sluice}:tenants:looked')
    t.ok(pause > 0 && pause < 10_000, `${pause} ms`)
    t.equal((await store.load()).tenants.length, 20_000)
    await raw.set('{sluice}:tenants:looked', '1')
    await raw.hset('{sluice}:tenants:google', 'silent.example', '{}')
    t.equal((await store.load()).tenants.length, 20_000, 'the pause is kept')
    let heard = 0
    store.watch(() => heard++)
    await until('the message is heard', async () => {
      await raw.publish('{sluice}:changed', 'tenants')
      return heard > 0
    })
    t.equal((await store.load()).tenants.length, 20_001)
    await raw.hset('{sluice}:tenants:google', 'silent-too.example', '{}')
    await store.putTenant({ account: 'google', id: 'told.example' }, BY)
    t.equal((await store.load()).tenants.length, 20_003, 'a change by Sluice itself does not wait')
  })

  t.test('an entry that cannot be read is left out and named once; the others count', async (t) => {
    const lines: string[] = []
    const store = await opened(t, server, true, (_level, message) => lines.push(message))
    const raw = rawClient(t, server)
    await raw.hset('{sluice}:tenants:google', 'ok.example', '{}', 'bad one', '{}', 'text', 'hello', 'list', '{"aliases":"x"}',
      'same.example', '{"name":"lower"}', 'SAME.example', '{"name":"upper"}')
    const first = await store.load()
    await store.load()
    t.strictSame(first.tenants, [
      { account: 'google', id: 'ok.example' }, { account: 'google', id: 'same.example', name: 'lower' },
    ])
    t.equal(lines.length, 1)
    for (const name of ['bad one', 'text', 'list']) t.match(lines[0], `"${name}"`)
  })

  t.test('a policy whose message was lost is found', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    let heard = 0
    store.watch(() => heard++)
    const revision = await store.putPolicy(policyOf('first'), { expected: 0, author: 'ann', from: 'test' })
    await until('the message', () => heard > 0)
    const seen = heard
    await raw.hset('{sluice}:policy', 'revision', 2, 'current', JSON.stringify({ ...revision, revision: 2, author: 'silent' }))
    await until('the silent change is found', () => heard > seen)
    t.match((await store.load()).policy, { revision: 2, author: 'silent' })
  })

  t.test('with its subscriber cut off it still hears', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    let heard = 0
    store.watch(() => heard++)
    await until('the subscriber is there and cut off', async () => Number(await raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')) > 0)
    const seen = heard
    await raw.hset('{sluice}:tenants:google', 'cut.example', '{}')
    await until('the change is found', () => heard > seen)
    t.strictSame((await store.load()).tenants, [{ account: 'google', id: 'cut.example' }])
  })

  t.test('damaged contents are told and not overwritten', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    await raw.hset('{sluice}:policy', 'revision', 3, 'current', '{"revision":')
    await t.rejects(store.load(), { code: 'store.corrupt', message: /\{sluice\}:policy/ })
    await raw.hset('{sluice}:policy', 'revision', 'three')
    await t.rejects(store.putPolicy(policyOf('x'), { expected: 3, author: 'ann', from: 'test' }), { code: 'store.corrupt' })
    t.equal(await raw.hget('{sluice}:policy', 'current'), '{"revision":')
  })

  t.test('a Redis that was emptied under a running process begins a log of its own', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    for (const id of ['a', 'b']) await store.putTenant({ account: 'box', id }, BY)
    await raw.flushall()
    await store.putTenant({ account: 'box', id: 'c' }, BY)
    t.match(await store.audit({ from: 1, limit: 10 }), [{ seq: 1, subject: 'box/c', prev: '' }])
    t.match((await store.load()).tenants, [{ id: 'c' }])
  })

  t.test('an entry behind the end of the audit log is not written over, and nothing is changed', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    for (const n of [1, 2]) await store.note({ ...BY, action: 'events.erase', subject: `user ${n}` })
    const [first] = await store.audit({ from: 1, limit: 1 })
    await raw.hset('{sluice}:audit', 'head', `1:${first?.hash ?? ''}`)
    await t.rejects(store.putTenant({ account: 'google', id: 'a.example' }, BY), { code: 'store.corrupt', message: /after its head/ })
    t.strictSame((await store.load()).tenants, [])
    t.match(JSON.parse(await raw.hget('{sluice}:audit', '2') ?? ''), { subject: 'user 2' })
    await raw.hset('{sluice}:audit', 'head', 'gone')
    await t.rejects(store.putTenant({ account: 'google', id: 'a.example' }, BY), { code: 'store.corrupt', message: /head/ })
  })

  t.test('a token of another making is left out', async (t) => {
    const lines: string[] = []
    const store = await opened(t, server, true, (_level, message) => lines.push(message))
    await rawClient(t, server).hset('{sluice}:tokens', 'x', '{"id":"x","hash":"plain","role":"admin","label":"","createdAt":""}')
    t.strictSame(await store.tokens(), [])
    t.match(lines[0], '{sluice}:tokens x')
  })

  t.test('sessions are hashes with an end, and an index that counts them', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    const digest = 'ab'.repeat(16)
    await store.putSession(digest, { bytes: 2 ** 53 - 1, sent: 2 ** 53 - 2, fileName: 'a.txt', startedAt: 1, updatedAt: 2 }, 60_000)
    t.strictSame({ ...await raw.hgetall(`{sluice}:session:${digest}`) },
      { bytes: '9007199254740991', sent: '9007199254740990', startedAt: '1', fileName: 'a.txt', updatedAt: '2' })
    const left = await raw.pttl(`{sluice}:session:${digest}`)
    t.ok(left > 50_000 && left <= 60_000, `${left} ms`)
    t.strictSame(await raw.zrange('{sluice}:sessions', '0', '-1'), [digest])
    await raw.hset(`{sluice}:session:${digest}`, 'bytes', 'many')
    t.equal(await store.session(digest), null, 'what another tool spoiled is not used')
    await store.putSession(digest, { bytes: 5, sent: 9, startedAt: 1, updatedAt: 2 }, 60_000)
    t.match(await store.session(digest), { bytes: 5, sent: 2 ** 53 - 1 }, 'what adds up stays a number that is exact')
  })

  t.test('a write whose answer was lost is made again and counts once, in whatever order they come', async (t) => {
    const store = await opened(t, server)
    const digest = 'ba'.repeat(16)
    const put = (id: string, sent: number, told: number): Promise<void> =>
      store.putSession(digest, { bytes: 5, sent: told, startedAt: 1, updatedAt: 2 }, 60_000, { id, sent })
    await put('one-1', 100, 100)
    await put('one-1', 100, 100)
    await put('two-1', 7, 7)
    await put('one-1', 150, 50)
    await put('one-1', 100, 100)
    t.match(await store.session(digest), { bytes: 5, sent: 157, by: new Map([['one-1', 150], ['two-1', 7]]) })
  })

  t.test('a Redis that is full is read on, and says what it does not take', async (t) => {
    const own = await startRedis()
    if (own === null) throw new Error('redis-server vanished')
    t.teardown(() => own.close())
    const lines: string[] = []
    const store = await opened(t, own, false, (level, message) => lines.push(`${level} ${message}`))
    const raw = rawClient(t, own)
    await store.putPolicy(policyOf('before'), { expected: 0, ...BY })
    await store.putTenants([{ account: 'google', id: 'a.example' }, { account: 'google', id: 'b.example' }], BY)
    await raw.config('SET', 'maxmemory', '1')
    for (const change of [
      () => store.putPolicy(policyOf('after'), { expected: 1, ...BY }), () => store.putTenant({ account: 'box', id: 'c' }, BY),
      () => store.putSession('ab'.repeat(16), { bytes: 1, sent: 1, startedAt: 0, updatedAt: 0 }, 60_000),
      () => store.remember('ab'.repeat(32), 'x', 60_000),
    ]) await t.rejects(change as () => Promise<void>, { code: 'store.read-only', message: /OOM/ })
    // What other tools take away is noticed though it cannot be counted.
    await raw.hdel('{sluice}:tenants:google', 'a.example')
    t.match(await store.load(), { policy: { revision: 1 }, tenants: [{ id: 'b.example' }] })
    t.match(store.health(), { up: true, readOnly: /OOM/ })
    t.strictSame(lines.map((line) => line.slice(0, 4)), ['warn'], 'one warning, and no outage')
    await raw.config('SET', 'maxmemory', '0')
    t.match(await store.putPolicy(policyOf('after'), { expected: 1, ...BY }), { revision: 2 })
  })

  t.test('bindings are texts with an end; what another tool put there without one, or of another type, is none', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    const digest = 'ab'.repeat(16)
    const key = `{sluice}:binding:${digest}`
    const record = { account: 'dropbox' as const, tenants: ['dbtid:x'], mayAllow: true, how: 'asked' as const, at: 7 }
    await store.putBinding(digest, record, 60_000)
    t.equal(await raw.get(key), JSON.stringify(record))
    const left = await raw.pttl(key)
    t.ok(left > 50_000 && left <= 60_000, `${left} ms`)
    await raw.persist(key)
    t.equal(await store.binding(digest), null)
    await raw.del(key)
    await raw.hset(key, 'account', 'dropbox')
    t.equal(await store.binding(digest), null)
    t.strictSame(store.health(), { up: true }, 'one spoiled key is no outage')
    await store.putBinding(digest, record, 60_000)
    t.match(await store.binding(digest), record)
  })

  t.test('when there are too many sessions the oldest go', async (t) => {
    const store = await opened(t, server)
    const raw = rawClient(t, server)
    const old = 'cd'.repeat(16)
    await store.putSession(old, { bytes: 1, sent: 1, startedAt: 1, updatedAt: 1 }, 60_000)
    await raw.eval(`for n = 1, 100000 do redis.call('ZADD', KEYS[1], ARGV[1], 'filler-' .. n) end`, 1, '{sluice}:sessions', Date.now() + 3_600_000)
    t.ok(await store.session(old))
    await store.putSession('ef'.repeat(16), { bytes: 1, sent: 1, startedAt: 1, updatedAt: 1 }, 7_200_000)
    t.equal(await store.session(old), null)
    t.equal(await raw.zcard('{sluice}:sessions'), 100_000)
  })

  t.test('Redis goes down and returns: methods reject, health tells, listeners catch up', async (t) => {
    const own = await startRedis()
    if (own === null) throw new Error('redis-server vanished')
    t.teardown(() => own.close())
    const lines: string[] = []
    const store = await opened(t, own, false, (level, message) => lines.push(`${level} ${message}`))
    await store.putPolicy(policyOf('before'), { expected: 0, author: 'ann', from: 'test' })
    let heard = 0
    store.watch(() => heard++)
    await own.stop()
    await t.rejects(store.load(), { code: 'store.unreachable', message: new RegExp(`redis://127.0.0.1:${own.port}`) })
    await t.rejects(store.putTenant({ account: 'google', id: 'a' }, BY), { code: 'store.unreachable' })
    await until('health tells', () => !store.health().up)
    const seen = heard
    await own.restart()
    await until('listeners are called', () => heard > seen)
    await until('health tells', () => store.health().up)
    t.strictSame(await store.load(), { policy: null, tenants: [], tenantsVersion: 0, controls: NO_CONTROLS }, 'what was lost is seen as it is')
    t.equal(lines.filter((line) => line.startsWith('warn')).length, 1, 'one warning')
    t.match(lines.at(-1), /^info .* is back/)
  })

  t.test('a server that falls silent is down, and up again when it speaks', async (t) => {
    const own = await startRedis()
    if (own === null) throw new Error('redis-server vanished')
    t.teardown(() => own.close())
    const store = await opened(t, own, false)
    let heard = 0
    store.watch(() => heard++)
    own.pause()
    await t.rejects(store.load(), { code: 'store.unreachable' })
    t.equal(store.health().up, false)
    const seen = heard
    own.resume()
    await until('listeners are called', () => heard > seen, 10_000)
    t.equal(store.health().up, true)
  })

  t.test('a password is used and never shown', async (t) => {
    const own = await startRedis({ password: 'pa%ss word' })
    if (own === null) throw new Error('redis-server vanished')
    t.teardown(() => own.close())
    const good = await openStore(own.url, { password: 'pa%ss word' })
    t.teardown(() => good.close())
    t.strictSame(await good.tokens(), [])
    const encoded = await openStore(`redis://:${encodeURIComponent('pa%ss word')}@127.0.0.1:${own.port}/0`)
    t.teardown(() => encoded.close())
    t.equal(encoded.health().up, true)
    const lines: string[] = []
    const wrong = await openStore(`redis://:hunter2hunter2@127.0.0.1:${own.port}`, { log: (_l, m) => lines.push(m) })
      .then(() => t.fail('opened with a wrong password'), (error: unknown) => error)
    t.match(wrong, { code: 'store.unreachable', message: /password/i })
    t.notMatch(JSON.stringify(wrong, Object.getOwnPropertyNames(wrong)) + lines.join(), 'hunter2')
    await t.rejects(openStore(own.url), { code: 'store.unreachable', message: /NOAUTH|auth/i }, 'no password at all')
  })
}

t.test('an unreachable Redis is one clear line', async (t) => {
  await t.rejects(openStore(NEVER), {
    code: 'store.unreachable', message: 'The store redis://127.0.0.1:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1.',
  })
})

t.test('with whenDown: retry the store opens, is down, and says so', async (t) => {
  const store = await openStore(NEVER, { whenDown: 'retry' })
  t.teardown(() => store.close())
  t.match(store.health(), { up: false, detail: /ECONNREFUSED/ })
  await t.rejects(store.load(), { code: 'store.unreachable', message: /ECONNREFUSED/ })
})

t.test('waiting between attempts grows, is bounded and jittered, and never ends', async (t) => {
  t.equal(retryAfter(1, () => 0), 100)
  t.equal(retryAfter(1, () => 1), 50)
  t.equal(retryAfter(3, () => 0), 400)
  t.equal(retryAfter(1_000_000, () => 0), 3_000)
})
