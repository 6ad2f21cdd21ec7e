/** What 10, 1,000 and 100,000 tenants cost: `node test/bench/tenants.ts`. Numbers are in README.md. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tenant } from '../../policy/operation.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { openSnapshot } from '../../policy/snapshot.ts'
import { openStore } from '../../policy/store/open.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { BY } from '../policy/store/contract.ts'
import { startRedis } from '../policy/store/redis-server.ts'

const LOOKUPS = 1_000_000
const policy = parsePolicy({ default: 'allow', unknownTenant: 'log', rules: [] })

const numbered = (i: number): Tenant => ({
  account: 'google', id: `t${i}.example`, name: `Tenant ${i}`,
  aliases: i % 10 === 0 ? [`a${i}.example`, `*.t${i}.example`] : [`a${i}.example`],
})

function lookups(count: number): void {
  const index = indexTenants(Array.from({ length: count }, (_, i) => numbered(i)))
  const names: [string, (i: number) => string][] = [
    ['id', i => `t${i % count}.example`], ['alias', i => `a${i % count}.example`],
    ['wildcard', i => `x.y.t${(i * 10) % count}.example`], ['none', i => `x.y.none${i % count}.example`],
  ]
  for (const [what, name] of names) {
    // Made before the clock starts, and few, so that it is the look-up that is timed and not the memory's caches.
    const asked = Array.from({ length: 10 }, (_, i) => name(i * 7919))
    let found = 0
    for (let round = 0; round < 2; round++) {
      const started = performance.now()
      found = 0
      for (let i = 0; i < LOOKUPS; i++) if (index.has('google', asked[i % 10] ?? '') !== undefined) found++
      const each = Math.round((performance.now() - started) * 1e6 / LOOKUPS)
      if (round === 1) console.log(`${count}\t${what}\t${each} ns\t${found === 0 ? 'not found' : 'found'}`)
    }
  }
}

/** Runs `work` and tells how long it took, and the most work between two turns of the event loop, in ms of this thread's own time. */
async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const own = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  let last = own()
  let longest = 0
  let over = false
  const turn = (): void => {
    const now = own()
    longest = Math.max(longest, now - last)
    last = now
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  const started = performance.now()
  await work()
  const took = performance.now() - started
  over = true
  turn()
  console.log(`${what}\t${Math.round(took)}\t${Math.round(longest)}`)
}

async function stores(url: string, dir: string, count: number): Promise<void> {
  const store = await openStore(url)
  const other = await openStore(url)
  const kind = `${store.kind} ${count}`
  const all = Array.from({ length: count }, (_, i) => numbered(i))
  await timed(`${kind} put all`, () => store.putTenants(all, BY))
  await timed(`${kind} load by another`, () => other.load())
  await timed(`${kind} load, nothing changed`, () => other.load())
  const live = await openSnapshot({
    store: other, fallback: policy, strict: policy, cacheFile: join(dir, `${store.kind}-${count}.json`), required: true, late: 'block',
    log: () => undefined,
  })
  await timed(`${kind} refresh, nothing changed`, () => live.refresh())
  await timed(`${kind} put one`, () => store.putTenant({ account: 'google', id: 'one.example' }, BY))
  await timed(`${kind} refresh after one`, () => live.refresh())
  await timed(`${kind} refresh after a policy`, async () => {
    await store.putPolicy(policy, { expected: live.current().revision, author: 'bench', from: 'test' })
    await live.refresh()
  })
  live.close()
  await Promise.all([store.close(), other.close()])
}

for (const count of [10, 1_000, 100_000]) lookups(count)
const dir = await mkdtemp(join(tmpdir(), 'sluice-tenants-'))
const redis = await startRedis()
console.log('\t\tms\tat a stretch')
for (const count of [1_000, 100_000]) {
  await stores(`embedded:${join(dir, String(count))}`, dir, count)
  if (redis !== null) await stores(`${redis.url}/${count === 1_000 ? 0 : 1}`, dir, count)
}
await redis?.close()
await rm(dir, { recursive: true })
