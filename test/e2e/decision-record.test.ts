/** What an event tells of a decision is of the time at which it was made: how long it took, and from what. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startRedis } from '../policy/store/redis-server.ts'
import { events, eventually, metric } from './observe.ts'
import { ALLOW_ALL, CONTENT, connect, openHttp, upload } from './wire.ts'
import { startWorld } from './world.ts'

t.test('the time to decide is without the wait for a body that is looked into', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  const { socket } = await connect(world, `${CONTENT}:22`)
  socket.destroy()
  t.equal(await metric(world, 'sluice_requests_total', { protocol: 'tunnel' }), 1)
  t.equal(await metric(world, 'sluice_decision_duration_seconds_count'), 0, 'for a tunnel nothing is decided')
  const host = 'www.googleapis.com'
  const wire = await openHttp(world, host)
  const body = '--b\r\nContent-Type: application/json\r\n\r\n{"name":"a.txt"}\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n'
  const heldSince = performance.now()
  wire.write(`POST /upload/drive/v3/files?uploadType=multipart HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n` +
    `Content-Type: multipart/related; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n`)
  await sleep(500)
  const heldFor = performance.now() - heldSince
  wire.write(body)
  t.equal((await wire.response()).status, 200)
  t.ok(await eventually(async () => (await events(world)).length === 2))
  const [, event] = await events(world)
  t.ok((event?.event.duration ?? 0) >= heldFor * 1e6)
  const decided = event?.sluice.decision_us ?? 0
  t.ok(decided > 0 && decided < heldFor * 1e3, `${decided} µs`)
  t.equal(await metric(world, 'sluice_decision_duration_seconds_count'), 1)
})

const redis = await startRedis()
t.teardown(() => redis?.close())
const skip = redis === null && 'not installed: redis-server'

t.test('a decision is stale where the store could not confirm it then, not where it is lost later', { skip }, async t => {
  if (redis === null) return
  const world = await startWorld({ config: { store: { url: redis.url } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  const wire = await openHttp(world, CONTENT)
  wire.write(upload('hello', { name: 'before.txt', fields: ['Content-Length: 10'] }))
  t.ok(await eventually(() => world.origin.requests().length === 1), 'the first is on its way')
  await redis.stop()
  t.ok(await eventually(async () => await metric(world, 'sluice_store_up') === 0))
  wire.write('world')
  t.equal((await wire.response()).status, 200)
  wire.write(upload('hello', { name: 'after.txt' }))
  t.equal((await wire.response()).status, 200)
  t.ok(await eventually(async () => (await events(world)).length === 2))
  t.strictSame((await events(world)).map(({ sluice }) => sluice.reasons.includes('snapshot-stale')), [false, true])
  wire.close()
})
