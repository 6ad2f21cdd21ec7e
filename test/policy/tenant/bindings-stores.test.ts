/** Bindings over the real stores. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { openStore } from '../../../policy/store/open.ts'
import type { Store } from '../../../policy/store/store.ts'
import { Bindings } from '../../../policy/tenant/bindings.ts'
import type { BindingRecord } from '../../../policy/tenant/bindings.ts'
import { noRedis, startRedis } from '../store/redis-server.ts'
import { until } from '../store/wait.ts'

const HOUR = 3_600_000
const key = createSecretKey(randomBytes(32))
const TOKEN = 'ya29.a0AfB_secret-token'
const FOLDER = '0ABCfolderUk9PVA'
const record: BindingRecord = { account: 'google', tenants: ['contoso.example'], mayAllow: true, how: 'learned', at: 10 }

interface Opened {
  open(): Promise<Store>
  /** All names and contents that are kept. */
  everything(): Promise<string>
}

function sharing(t: Test, { open, everything }: Opened): void {
  const node = async (): Promise<Bindings> => new Bindings({ key, store: await open(), shared: true })

  t.test('what one node learned another knows, by the same token and key only', async (t) => {
    const [one, two] = [await node(), await node()]
    const digest = one.digest('google', 'credential', TOKEN)
    t.equal(await two.load(digest), 'none')
    one.put(digest, record, HOUR)
    await one.close()
    const third = await node()
    t.equal(await third.load(third.digest('google', 'credential', TOKEN)), 'known')
    t.strictSame(third.get(digest), record)
    await until('the other knows too', async () => await two.load(digest) === 'known')
    const stranger = new Bindings({ key: createSecretKey(randomBytes(32)), store: await open(), shared: true })
    t.equal(await stranger.load(stranger.digest('google', 'credential', TOKEN)), 'none')
  })

  t.test('no credential and no id of a place or person is in the store', async (t) => {
    const one = await node()
    const person = one.digest('google', 'person', 'alice@contoso.example')
    one.put(one.digest('google', 'credential', TOKEN), { ...record, tenants: [], person }, HOUR)
    one.put(one.digest('google', 'place', FOLDER), record, HOUR)
    one.put(person, record, HOUR)
    await one.close()
    const all = await everything()
    t.match(all, 'contoso.example', 'it is looked at where it is kept')
    t.match(all, person)
    for (const secret of [TOKEN, FOLDER, 'alice', 'credential', 'place', key.export().toString('hex')]) {
      for (const encoding of ['utf8', 'hex', 'base64url'] as const) {
        t.notMatch(all, Buffer.from(secret).toString(encoding), `${secret.slice(0, 12)} in ${encoding}`)
      }
    }
  })
}

t.test('over files', async (t) => {
  const dir = t.testdir()
  sharing(t, {
    open: async () => {
      const store = await openStore(`embedded:${dir}`)
      t.teardown(() => store.close())
      return store
    },
    everything: async () => {
      const entries = await readdir(dir, { recursive: true, withFileTypes: true })
      const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      // The digest is cut in two between folder and name.
      const names = files.map((path) => path.replace(/.*\/([0-9a-f]{2})\//, '$1'))
      return [...names, ...await Promise.all(files.map((path) => readFile(path, 'utf8')))].join('\n')
    },
  })
})

const server = await startRedis()
if (server === null) t.test('over Redis', { skip: noRedis() }, () => undefined)
else {
  t.teardown(() => server.close())
  const open = async (t: Test): Promise<Store> => {
    const store = await openStore(server.url)
    t.teardown(() => store.close())
    return store
  }

  t.test('over Redis', async (t) => {
    const raw = new Redis(server.url)
    t.teardown(() => raw.disconnect())
    sharing(t, {
      open: () => open(t),
      everything: async () => {
        const parts: string[] = []
        for (const name of await raw.keys('*')) {
          const type = await raw.type(name)
          parts.push(name, type === 'string' ? await raw.get(name) ?? '' : type === 'hash' ? JSON.stringify(await raw.hgetall(name)) : type)
        }
        return parts.join('\n')
      },
    })
  })

  t.test('Redis goes away and returns: memory goes on, and what was learned meanwhile is shared then', async (t) => {
    const lines: string[] = []
    const one = new Bindings({ key, store: await open(t), shared: true, log: (_level, message) => lines.push(message) })
    one.put('ab'.repeat(16), record, HOUR)
    await server.stop()
    t.equal(await one.load('cd'.repeat(16)), 'failed')
    t.strictSame([one.get('ab'.repeat(16)), one.isFresh('cd'.repeat(16))], [record, false])
    one.put('ef'.repeat(16), record, HOUR)
    await until('it could not be stored', () => one.failures > 1)
    await server.restart()
    const two = new Bindings({ key, store: await open(t), shared: true })
    await until('it is stored', async () => await two.load('ef'.repeat(16)) === 'known', 20_000)
    t.strictSame(two.get('ef'.repeat(16)), record)
    t.match(lines, [/cannot be reached/])
    t.notMatch(lines.join(), /efefef/)
    await one.close()
  })

  t.test('a silent Redis does not hold up a look-up', async (t) => {
    const one = new Bindings({ key, store: await open(t), shared: true })
    server.pause()
    t.equal(await one.load('12'.repeat(16)), 'failed')
    t.equal(one.isAway, true)
    server.resume()
    await until('it is asked again', async () => await one.load('12'.repeat(16)) === 'none', 10_000)
  })
}
