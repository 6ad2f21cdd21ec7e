/** A kept connection that its origin closes while a request is under way: what may have been carried out is told as failed, not sent again. */
import t from 'tap'
import { watchProcess } from '../e2e/observe.ts'
import { makeAuthority, startTlsServer } from '../e2e/tls-server.ts'
import { ALLOW_ALL, CONTENT, openHttp } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const faults = watchProcess(t)
const authority = await makeAuthority()
/** How much of each connection was seen before. */
const read = new Map<object, number>()
const seen: string[] = []
// Answers the first request of a connection, and hangs up on the next once it is whole.
const origin = await startTlsServer(authority.leaf({ names: [CONTENT] }), (socket, text) => {
  const before = read.get(socket) ?? 0
  const one = text.slice(before)
  const head = one.indexOf('\r\n\r\n')
  if (head < 0 || one.length < head + 4 + Number(/content-length: (\d+)/i.exec(one)?.[1] ?? 0)) return
  read.set(socket, text.length)
  seen.push(one.slice(0, one.indexOf(' ')))
  if (before === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  else socket.destroy()
})
const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca: [authority.file] } } })
await world.setPolicy(ALLOW_ALL)
t.teardown(async () => {
  await world.close()
  await origin.close()
  await authority.close()
})

async function ask(method: string, body: string): Promise<number> {
  const wire = await openHttp(world, CONTENT)
  wire.write(`${method} /2/files/list_folder HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  const { status } = await wire.response()
  wire.close()
  return status
}

t.test('what may have been carried out is not sent again', async (t) => {
  for (const [method, body] of [['POST', ''], ['POST', '{}'], ['PATCH', '{}']] as const) {
    seen.length = 0
    t.equal(await ask('GET', ''), 200)
    t.equal(await ask(method, body), 502, `${method} with ${body.length} bytes`)
    t.strictSame(seen, ['GET', method], 'it came once')
  }
  t.equal(await ask('GET', ''), 200)
  seen.length = 0
  t.equal(await ask('GET', ''), 200, 'what only reads is')
  t.strictSame(seen, ['GET', 'GET'])
  t.strictSame(faults, [])
})
