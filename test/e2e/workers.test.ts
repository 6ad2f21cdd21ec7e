/** `proxy.workers`: several processes that are one proxy. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../policy/store/wait.ts'
import { events, metric } from './observe.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, CONTENT, openHttp, upload } from './wire.ts'
import { startWorld } from './world.ts'
import { ADDRESSES, put, startTogether } from './worker-world.ts'

t.test('metrics, events and usage are those of one proxy, and a leaf is made once', async t => {
  const world = await startTogether(t)
  const wires = await Promise.all(ADDRESSES.map((localAddress) => openHttp(world, CONTENT, { localAddress })))
  let done = 0
  await Promise.all(wires.map(async (wire, n) => {
    for (; done < 200; ) {
      done++
      t.equal(await put(wire, 'x'.repeat(100), `${n}.txt`), 200)
    }
  }))
  t.equal(done, 200)
  t.equal(await metric(world, 'sluice_requests_total', { activity: 'upload' }), 200)
  t.equal(await metric(world, 'sluice_uploaded_bytes_total'), 20_000)
  t.equal(await metric(world, 'sluice_decision_duration_seconds_count'), 200)
  t.equal(await metric(world, 'sluice_tunnels_open'), 16)
  t.equal(await metric(world, 'sluice_connections_open'), 16)
  t.equal(await metric(world, 'sluice_store_up'), 1, 'what is up in all is up')
  t.equal(await metric(world, 'sluice_leaf_cache_misses_total'), 1)
  t.equal(await metric(world, 'sluice_leaf_cache_hits_total'), 15)
  await until('all events are written', async () => (await events(world)).length === 200)
  const sequences = (await events(world)).map(({ event }) => (event as unknown as { sequence: number }).sequence)
  t.same(sequences, sequences.toSorted((a, b) => a - b), 'numbered in the order in which they are written')
  t.equal(new Set(sequences).size, 200)
  const usage = await (await world.api('GET', '/v1/usage?by=provider')).json() as { rows: unknown }
  t.match(usage.rows, [{ key: 'dropbox', bytes: 20_000, count: 200 }])
  t.match(await (await world.api('GET', '/v1/events?limit=1')).json(), { events: [{ sluice: { action: 'allow' } }] })
  for (const wire of wires) wire.close()
})

t.test('a policy decides everywhere once it was put', async t => {
  const world = await startTogether(t)
  const ask = async (localAddress: string): Promise<number> => {
    const wire = await openHttp(world, CONTENT, { localAddress })
    const status = await put(wire, 'hello', 'hello.txt')
    wire.close()
    return status
  }
  for (const [policy, status] of [[BLOCK_UPLOADS, 403], [ALLOW_ALL, 200]] as const) {
    await world.setPolicy(policy)
    t.strictSame(await Promise.all(ADDRESSES.map(ask)), ADDRESSES.map(() => status))
  }
})

t.test('what is recorded while a stop waits is written', async t => {
  const world = await startWorld({ config: { proxy: { listen: '127.0.0.1:0', workers: 2, drain: '30s' } } })
  await world.setPolicy(ALLOW_ALL)
  const body = randomBytes(100_000)
  const sent = upload(body, { name: 'last.bin' })
  const wire = await openHttp(world, CONTENT)
  wire.write(sent.subarray(0, 60_000))
  await until('it is under way', () => world.origin.socketBytes() > 50_000)
  const closing = world.sluice.close()
  wire.write(sent.subarray(60_000))
  t.equal((await wire.response()).status, 200)
  wire.close()
  await closing
  t.match(await events(world), [{ file: { name: 'last.bin', size: 100_000 } }])
  await world.close()
})

t.test('what one user sends from several addresses adds up, while it is on its way too', async t => {
  const file = join(t.testdir(), 'users.yaml')
  await writeFile(file, JSON.stringify({ users: { ada: { addresses: ADDRESSES } } }))
  const world = await startTogether(t, { people: { file } })
  const LIMIT = 1_000_000
  await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'much', when: { volume: { over: '1h', atLeast: LIMIT } }, action: 'block', message: 'Too much.' }] })
  const [first = '', ...others] = ADDRESSES
  const body = randomBytes(LIMIT * 0.98)
  const sent = upload(body, { name: 'large.bin' })
  const wire = await openHttp(world, CONTENT, { localAddress: first })
  wire.write(sent.subarray(0, sent.length - 1))
  const more = 'x'.repeat(LIMIT * 0.03)
  const described = {
    method: 'POST', url: `https://${CONTENT}/2/files/upload`, headers: { 'Dropbox-API-Arg': '{"path":"/more.txt"}' }, size: more.length, client: { ip: first, user: 'ada' },
  }
  await until('it is known beside its worker', async () => {
    const answer = await (await world.api('POST', '/v1/decisions', described)).json() as { decision: { action: string } }
    return answer.decision.action === 'block'
  })
  // All of them together are within the limit.
  for (const localAddress of others) {
    const other = await openHttp(world, CONTENT, { localAddress })
    t.equal(await put(other, more, 'more.txt'), 403)
    other.close()
  }
  wire.write(sent.subarray(-1))
  t.equal((await wire.response()).status, 200, 'the first is within the limit')
  wire.close()
})
