/** What one node learned counts at another with the same key, and after a restart; the store tells nothing to who reads it. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { ACCOUNTS, refreshToken, SHARED, SITES } from '../origin/accounts.ts'
import { startOrigin } from '../origin/origin.ts'
import { noRedis, startRedis } from '../policy/store/redis-server.ts'
import type { RedisServer } from '../policy/store/redis-server.ts'
import { until } from '../policy/store/wait.ts'
import { startNode } from './node-process.ts'
import type { NodeProcess } from './node-process.ts'
import { allowContoso, bearer, latest, STRICT, takeToken, uploads } from './tenant-world.ts'

const ADMIN = 'tenant-nodes-test-token'

const origin = await startOrigin()
t.teardown(() => origin.close())
const dir = t.testdir()

async function node(t: Test, name: string, store: string, keyFile: string | null = null): Promise<NodeProcess> {
  const started = await startNode(join(dir, name), origin, store, ADMIN, keyFile === null ? {} : { tenants: { keyFile } })
  t.teardown(() => started.kill())
  return started
}

async function key(name: string): Promise<string> {
  const file = join(dir, name)
  await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600 })
  return file
}

const google = (at: NodeProcess): Promise<string> => takeToken(at, 'google', refreshToken('contoso', 'google', 'openid'))

interface Verdict {
  readonly status: number
  readonly standing: string | undefined
  readonly how: string | undefined
  readonly reasons: readonly string[] | undefined
  /** File bytes came to the provider. */
  readonly left: boolean
}

async function verdict(at: NodeProcess, token: string): Promise<Verdict> {
  const before = origin.fileBytes()
  const { status } = await uploads.google(at, [bearer(token)])
  const { tenant, reasons } = await latest(at) ?? {}
  return { status, standing: tenant?.standing, how: tenant?.how, reasons, left: origin.fileBytes() > before }
}

const OWN = { status: 200, standing: 'sanctioned', how: 'learned', left: true }
const UNKNOWN = { status: 403, standing: 'unknown', how: 'none', left: false }

const redis = await startRedis()
if (redis === null) t.test('nodes on one Redis', { skip: noRedis() }, () => undefined)
else await onRedis(redis)

t.test('an embedded node remembers after a restart', async (t) => {
  const store = `embedded:${join(dir, 'kept-store')}`
  const first = await node(t, 'kept', store)
  await allowContoso(first)
  t.equal((await first.putPolicy(STRICT)).status, 200)
  const token = await google(first)
  t.match(await verdict(first, token), OWN)
  t.equal(await first.end(), 0, first.said())
  const again = await node(t, 'kept', store)
  t.match(await verdict(again, token), OWN)
  t.equal(await again.end(), 0, again.said())
})

async function onRedis(redis: RedisServer): Promise<void> {
  t.teardown(() => redis.close())
  const shared = await key('shared.key')
  const one = await node(t, 'one', redis.url, shared)
  const two = await node(t, 'two', redis.url, shared)
  const other = await node(t, 'other', redis.url, await key('other.key'))
  const reader = new Redis(redis.url, { retryStrategy: () => null, lazyConnect: true })
  reader.on('error', () => undefined) // the server is stopped below
  t.teardown(() => reader.disconnect())
  await allowContoso(one)
  const put = await one.putPolicy(STRICT)
  if (!put.ok) throw new Error(await put.text())
  for (const each of [two, other]) {
    await until('the node has tenants and policy', async () => {
      const { tenants } = await (await each.api('GET', '/v1/tenants')).json() as { tenants: unknown[] }
      return tenants.length === 4 && (await (await each.api('GET', '/v1/policy')).text()).includes('Company files')
    })
  }
  const bindings = async (): Promise<number> => (await everything(reader)).filter(({ key }) => key.includes('binding')).length

  t.test('what one learned lets another decide, with the same key and no other', async (t) => {
    const token = await google(one)
    await until('the binding is in Redis', async () => await bindings() > 0)
    t.match(await verdict(two, token), OWN)
    t.match(await verdict(other, token), UNKNOWN)
    t.match(await verdict(one, token), OWN)
  })

  t.test('the store has no token in it and no id of a person or place', async (t) => {
    const tokens = [
      await google(one), await takeToken(one, 'microsoft', refreshToken('contoso', 'microsoft')),
      await takeToken(one, 'dropbox', 'FAKE-code-contoso-dropbox', 'code'), await takeToken(one, 'box', refreshToken('contoso', 'box')),
    ]
    const [, microsoft = ''] = tokens
    t.equal((await uploads.microsoft(one, [bearer(microsoft)])).status, 201)
    await takeToken(one, 'google', refreshToken('fabrikam', 'google', 'openid'))
    await until('the bindings are in Redis', async () => await bindings() >= 4)
    const { dropbox, google: { id, email }, microsoft: { object, drive }, box } = ACCOUNTS.contoso
    const told = [
      ...tokens, dropbox.id, dropbox.uid + '"', `ns:${dropbox.namespace}`, id, email, object, drive, drive.toLowerCase(), box.id,
      SHARED.google, SHARED.microsoft, SITES.contoso.drive, 'FAKE-refresh', 'FAKE-code', 'eyJ', 'Bearer', '1FAKEdrive',
    ]
    const kept = await everything(reader)
    t.ok(kept.some(({ value }) => value.includes('contoso.example')), 'bindings were read')
    for (const secret of told) t.notOk(kept.some(({ key, value }) => key.includes(secret) || value.includes(secret)), secret.slice(0, 30))
  })

  t.test('without Redis decisions go on, and what only Redis knew is unknown', async (t) => {
    const known = await google(two)
    t.match(await verdict(two, known), OWN)
    const before = await bindings()
    const elsewhere = await google(one)
    await until('the binding is in Redis', async () => await bindings() > before)
    reader.disconnect()
    await redis.stop()
    t.match(await verdict(two, known), OWN, 'memory decides')
    for (const n of [1, 2, 3]) {
      const found = await verdict(two, elsewhere)
      t.match(found, UNKNOWN, `upload ${n}`)
      t.ok(found.reasons?.includes('binding-unavailable'), `upload ${n}`)
    }
    t.match(await verdict(one, elsewhere), OWN)
    t.match(await verdict(two, await google(two)), OWN, 'it learns on')
  })

  t.test('no log has a token in it', (t) => {
    for (const each of [one, two, other]) t.notMatch(each.said(), /FAKE-(?:contoso|refresh)|eyJ/)
    t.end()
  })
}

/** Every key with its value as text. */
async function everything(redis: Redis): Promise<ReadonlyArray<{ key: string; value: string }>> {
  const keys = await redis.keys('*')
  return Promise.all(keys.map(async (key) => ({ key, value: await valueOf(redis, key) })))
}

async function valueOf(redis: Redis, key: string): Promise<string> {
  switch (await redis.type(key)) {
    case 'string': return await redis.get(key) ?? ''
    case 'hash': return JSON.stringify(await redis.hgetall(key))
    case 'set': return JSON.stringify(await redis.smembers(key))
    case 'zset': return JSON.stringify(await redis.zrange(key, 0, '-1'))
    case 'list': return JSON.stringify(await redis.lrange(key, 0, -1))
    default: return JSON.stringify(await redis.call('XRANGE', key, '-', '+'))
  }
}
