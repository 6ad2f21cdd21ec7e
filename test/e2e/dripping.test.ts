/** A client that sends on and on, a byte at a time, keeps nothing open by it. */
import t from 'tap'
import { eventually, metric, watchProcess } from './observe.ts'
import { startScriptedOrigin } from './scripted-origin.ts'
import { ALLOW_ALL, CONTENT, openHttp } from './wire.ts'
import type { Wire } from './wire.ts'
import { startWorld } from './world.ts'

const faults = watchProcess(t)
const origin = await startScriptedOrigin(t, [CONTENT])
const world = await startWorld({ config: {
  proxy: { listen: '127.0.0.1:0', limits: { answerStall: '1s', headTime: '1s' } }, upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca: [origin.caFile] },
} })
t.teardown(() => world.close())
await world.setPolicy(ALLOW_ALL)

/** Writes a byte of `text` every now and then, until the connection is over; answers whether that came within a while. */
function drip(wire: Wire, text: string): Promise<boolean> {
  let at = 0
  const timer = setInterval(() => { wire.write(text[at++ % text.length] ?? '') }, 50)
  return eventually(() => wire.over, 8_000).finally(() => clearInterval(timer))
}

t.test('behind a request whose origin never answers', async (t) => {
  origin.answers.set('/never', () => undefined)
  const wire = await openHttp(world, CONTENT)
  wire.write(`GET /never HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
  const dripping = drip(wire, 'GET /next HTTP/1.1\r\nX: ' + 'x'.repeat(1_000))
  t.equal((await wire.response()).status, 504)
  t.ok(await dripping, 'and what it began meanwhile has its own time')
  wire.close()
  t.strictSame(faults, [])
})

t.test('a head, which is late once', async (t) => {
  const before = await metric(world, 'sluice_connections_ended_total')
  const wire = await openHttp(world, CONTENT)
  const dripping = drip(wire, 'GET /next HTTP/1.1\r\nX: ' + 'x'.repeat(1_000))
  t.equal((await wire.response()).status, 408)
  t.ok(await dripping)
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  t.equal(await metric(world, 'sluice_connections_ended_total'), before + 1)
  wire.close()
  t.strictSame(faults, [])
})
