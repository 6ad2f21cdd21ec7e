import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import { cutStalled } from '../../../policy/admin/cut-stalled.ts'

t.test('whoever takes nothing is cut; whoever takes a little now and then is not', async (t) => {
  const cut = new Map<string, Promise<unknown>>()
  const answered = (path: string, response: ServerResponse): void => {
    cutStalled(response, 200)
    cut.set(path, once(response, 'close'))
    // It has no end, so that only a cut can bring one.
    Readable.from((function* () { while (true) yield 'x'.repeat(65_536) })()).pipe(response)
  }
  const server = createServer((request, response) => answered(request.url ?? '', response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const open = async (path: string) => {
    const socket = connect(typeof address === 'object' ? address?.port ?? 0 : 0, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await once(server, 'request')
    return socket
  }
  const slow = await open('/slow')
  slow.on('data', () => {
    slow.pause()
    setTimeout(() => slow.resume(), 2)
  })
  await open('/stalled')
  t.equal(await Promise.race([cut.get('/stalled')?.then(() => 'stalled'), cut.get('/slow')?.then(() => 'slow')]), 'stalled')
  t.equal(slow.destroyed, false)
  slow.destroy()
})
