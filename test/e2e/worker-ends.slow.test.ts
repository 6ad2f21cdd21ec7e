/** `proxy.workers`: what holds when a worker, or the process that started it, ends. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { startOrigin } from '../origin/origin.ts'
import { until } from '../policy/store/wait.ts'
import { startNode } from './node-process.ts'
import { events, metric } from './observe.ts'
import { ALLOW_ALL, CONTENT, openHttp, upload } from './wire.ts'
import { ADDRESSES, isThere, put, startTogether, workersOf } from './worker-world.ts'

t.test('a worker that is killed takes its own connections alone, and is replaced', async t => {
  const world = await startTogether(t)
  const pids = await workersOf(process.pid)
  t.equal(pids.length, 2)
  const half = 300_000
  const uploads = await Promise.all(ADDRESSES.map(async (localAddress, n) => {
    const body = randomBytes(2 * half)
    const wire = await openHttp(world, CONTENT, { localAddress })
    t.equal(await put(wire, 'first', `first-${n}.txt`), 200)
    const name = `${n}.bin`
    const sent = upload(body, { name })
    wire.write(sent.subarray(0, sent.length - half))
    return { wire, name, body, rest: sent.subarray(sent.length - half) }
  }))
  await until('all are under way', () => world.origin.socketBytes() > ADDRESSES.length * half)
  t.equal(await metric(world, 'sluice_requests_total', { activity: 'upload' }), 16)
  const [killed = 0] = pids
  process.kill(killed, 'SIGKILL')
  await until('its end is noticed', async () => await metric(world, 'sluice_worker_exits_total') === 1)
  await until('its clients have noticed', () => uploads.some(({ wire }) => wire.over))
  const lost = uploads.filter(({ wire }) => wire.over)
  const living = uploads.filter(({ wire }) => !wire.over)
  t.ok(lost.length > 0 && living.length > 0, `${lost.length} of 16 were its own`)
  for (const { wire, rest } of living) wire.write(rest)
  for (const { wire, name, body } of living) {
    t.equal((await wire.response()).status, 200)
    const stored = world.origin.stored().find(({ path }) => path === `/${name}`)
    t.equal(stored?.sha256, createHash('sha256').update(body).digest('hex'))
  }
  await until('another has taken its place', async () => await metric(world, 'sluice_workers_ready') === 2, 30_000)
  t.notOk((await workersOf(process.pid)).includes(killed))
  t.equal(await metric(world, 'sluice_requests_total', { activity: 'upload' }), 16 + living.length, 'what it had counted stays counted')
  for (const localAddress of ADDRESSES) {
    const wire = await openHttp(world, CONTENT, { localAddress })
    t.equal(await put(wire, 'again', 'again.txt'), 200)
    wire.close()
  }
  t.equal(await metric(world, 'sluice_leaf_cache_misses_total'), 1, 'nor is a leaf made again')
  for (const { wire } of uploads) wire.close()
})

t.test('a stop ends all processes, and so does the end of the first', async t => {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const start = async (name: string) => {
    const node = await startNode(join(t.testdirName, name), origin, 'embedded:./data', 'workers-test-token', { proxy: { listen: '127.0.0.1:0', workers: 2 } })
    t.teardown(() => node.kill())
    const workers = await workersOf(node.pid)
    t.equal(workers.length, 2)
    return { node, workers }
  }
  t.testdir()
  const one = await start('one')
  // As a terminal and systemd do.
  for (const pid of one.workers) process.kill(pid, 'SIGTERM')
  t.equal(await one.node.end(), 0)
  t.notOk(one.workers.some(isThere), 'none is left')
  const two = await start('two')
  two.node.kill()
  await until('none is left', () => !two.workers.some(isThere))
})

t.test('one that hangs is ended and replaced, and the others go on', async t => {
  const world = await startTogether(t)
  const wires = await Promise.all(ADDRESSES.map((localAddress) => openHttp(world, CONTENT, { localAddress })))
  // A connection that has not asked for anything is not kept so long.
  for (const wire of wires) t.equal(await put(wire, 'first', 'first.txt'), 200)
  const [hanging = 0, other = 0] = await workersOf(process.pid)
  process.kill(hanging, 'SIGSTOP')
  t.teardown(() => { if (isThere(hanging)) process.kill(hanging, 'SIGKILL') })
  await until('it is ended', async () => await metric(world, 'sluice_worker_exits_total') === 1, 60_000)
  await until('its clients have noticed', () => wires.some((wire) => wire.over))
  const living = wires.filter((wire) => !wire.over)
  t.ok(living.length > 0 && living.length < wires.length, `${living.length} of 16 stay`)
  for (const wire of living) {
    t.equal(await put(wire, 'hello', 'hello.txt'), 200)
    wire.close()
  }
  await until('another has taken its place', async () => await metric(world, 'sluice_workers_ready') === 2, 30_000)
  const now = await workersOf(process.pid)
  t.ok(now.includes(other) && !now.includes(hanging))
  for (const localAddress of ADDRESSES) {
    const wire = await openHttp(world, CONTENT, { localAddress })
    t.equal(await put(wire, 'again', 'again.txt'), 200)
    wire.close()
  }
})

t.test('what was sent before counts for volume when every worker was replaced', async t => {
  const world = await startTogether(t)
  const LIMIT = 1_000_000
  await world.setPolicy({ ...ALLOW_ALL, rules: [{ id: 'much', when: { volume: { over: '1h', atLeast: LIMIT } }, action: 'block', message: 'Too much.' }] })
  const send = async (): Promise<number> => {
    const wire = await openHttp(world, CONTENT)
    const status = await put(wire, 'x'.repeat(LIMIT * 0.6), 'part.bin')
    wire.close()
    return status
  }
  t.equal(await send(), 200)
  await until('it is told', async () => (await events(world)).length === 1)
  for (const [n, pid] of (await workersOf(process.pid)).entries()) {
    process.kill(pid, 'SIGKILL')
    await until('its end is noticed', async () => await metric(world, 'sluice_worker_exits_total') === n + 1)
    await until('another has taken its place', async () => await metric(world, 'sluice_workers_ready') === 2, 30_000)
  }
  t.equal(await send(), 403)
})
