import { once } from 'node:events'
import http2 from 'node:http2'
import type { ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { destroyIdle } from '../../proxy/session-idle.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
const WAYS = ['close', 'destroy', 'reset', 'reset in a request', 'server'] as const
let idle = 600_000
let ended = 0
const seen: WeakRef<ServerHttp2Session>[] = []
const server = http2.createServer()
server.on('session', (session) => {
  destroyIdle(session, idle, () => { ended++ })
  seen.push(new WeakRef(session))
})
server.on('stream', stream => stream.on('error', () => undefined))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
t.teardown(() => server.close())

async function connected(): Promise<http2.ClientHttp2Session> {
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('error', () => undefined)
  await once(client, 'remoteSettings')
  return client
}

t.test('a session on which nothing moves is destroyed', async t => {
  idle = 50
  await once(await connected(), 'close')
  t.equal(ended, 1)
})

t.test('one that is gone is not kept until then, however it went', async t => {
  idle = 600_000
  seen.length = 0
  for (const go of WAYS) {
    for (let i = 0; i < 3; i++) await end(await connected(), go)
  }
  const kept = (): number => seen.filter(session => session.deref() !== undefined).length
  for (let tries = 0; tries < 100 && kept() > 1; tries++) {
    // Whoever was asked for in this turn is kept for the rest of it.
    await sleep(20)
    if (typeof collect === 'function') collect()
  }
  t.equal(seen.length, 3 * WAYS.length)
  t.ok(kept() <= 1, `${kept()} are kept; one may still be on the stack`)
})

async function end(client: http2.ClientHttp2Session, go: (typeof WAYS)[number]): Promise<void> {
  const closed = once(client, 'close')
  if (go === 'reset in a request') {
    client.request({ ':method': 'POST' }).on('error', () => undefined)
    await once(server, 'stream')
  }
  if (go === 'reset' || go === 'reset in a request') client.socket.destroy()
  else if (go === 'server') seen.at(-1)?.deref()?.destroy()
  else client[go]()
  await closed
}
