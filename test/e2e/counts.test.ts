/** What costs grow by, as counts that do not vary: certificates, connections to origins, copies of a body, bytes of a decision. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { compile, evaluate } from '../../policy/evaluate.ts'
import { ClientConnection } from '../../proxy/relay/client-connection.ts'
import { ConnectionExchange } from '../../proxy/relay/connection-exchange.ts'
import { ConnectionForwarding } from '../../proxy/relay/connection-forward.ts'
import { OriginLeg } from '../../proxy/relay/origin-leg.ts'
import { policyOf, requests, varied } from '../bench/policy-sets.ts'
import { ENGINE } from '../engine.ts'
import { curl } from './curl.ts'
import { metric } from './observe.ts'
import { makeAuthority } from './tls-server.ts'
import { ALLOW_ALL, CONTENT, openHttp } from './wire.ts'
import { startWorld } from './world.ts'

const HOSTS = [CONTENT, 'api.dropboxapi.com', 'graph.microsoft.com', 'www.googleapis.com', 'upload.box.com']

t.test('a host has one certificate, however many tunnels lead there at once', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  for (let round = 0; round < 4; round++) {
    const wires = await Promise.all(Array.from({ length: 25 }, (_, i) => openHttp(world, HOSTS[i % HOSTS.length] ?? CONTENT)))
    for (const wire of wires) wire.close()
  }
  t.equal(await metric(world, 'sluice_leaf_cache_misses_total'), HOSTS.length)
  t.equal(await metric(world, 'sluice_leaf_cache_size'), HOSTS.length)
})

t.test('tunnels of one user, one after the other, share one connection to their origin', { timeout: 120_000 }, async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  for (let i = 0; i < 100; i++) {
    const wire = await openHttp(world, CONTENT)
    wire.write(`GET /2/none?${i} HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
    t.equal((await wire.response()).whole, true)
    wire.close()
  }
  t.equal(world.origin.connections(), 1)
})

t.test('an idle tunnel keeps nothing of the requests that it has carried', { timeout: 120_000, skip: ENGINE === 'relay' ? false : 'the pipeline engine is another' }, async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  const wires = await Promise.all(Array.from({ length: 20 }, () => openHttp(world, CONTENT)))
  for (const wire of wires) {
    for (const method of ['GET', 'POST']) {
      wire.write(`${method} /2/none HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Length: ${method === 'POST' ? '4\r\n\r\nbody' : '0\r\n\r\n'}`)
      t.equal((await wire.response()).whole, true)
    }
  }
  // Asks V8, which collects first. Of a class that others extend it would count their prototypes.
  const left = (made: Parameters<typeof queryObjects>[0]): number => queryObjects(made, { format: 'count' })
  t.equal(left(ClientConnection), wires.length)
  t.same({ exchanges: left(ConnectionExchange), ways: left(ConnectionForwarding), legs: left(OriginLeg) }, { exchanges: 0, ways: 0, legs: 0 })
  for (const wire of wires) wire.close()
})

t.test('the relay copies a body once at most, into what it writes from', { timeout: 120_000, skip: ENGINE === 'relay' ? false : 'the pipeline engine is another' }, async t => {
  const BYTES = 16 << 20
  const piece = Buffer.alloc(64 << 10, 'x')
  const authority = await makeAuthority()
  const { cert, key } = authority.leaf({ names: [CONTENT] })
  let came = 0
  const origin = tls.createServer({ cert, key, ALPNProtocols: ['http/1.1'] }, socket => {
    let isUpload: boolean | undefined
    let left = BYTES
    const send = (): void => {
      while (left > 0) {
        left -= piece.length
        if (socket.write(piece)) continue
        socket.once('drain', send)
        return
      }
      socket.end()
    }
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      came += chunk.length
      isUpload ??= chunk.toString('latin1', 0, 4) === 'POST'
      if (isUpload && came > BYTES) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      if (isUpload) return
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`)
      send()
    })
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port } = origin.address() as AddressInfo
  const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: `127.0.0.1:${port}` }, ca: [authority.file] } } })
  t.teardown(async () => {
    await world.close()
    origin.close()
    await authority.close()
  })
  await world.setPolicy(ALLOW_ALL)
  const copies = countCopies()
  t.teardown(() => copies.stop())
  const options = { proxy: world.proxy, caFile: world.caFile, timeoutMs: 100_000 }
  const file = t.testdir({ 'body.bin': 'y'.repeat(BYTES) })
  for (const framing of ['Content-Type: application/octet-stream', 'Transfer-Encoding: chunked']) {
    came = 0
    const up = await curl(['--http1.1', '-X', 'POST', '-H', 'Dropbox-API-Arg: {"path":"/a"}', '-H', framing, '-T', `${file}/body.bin`, `https://${CONTENT}/2/files/upload`], options)
    t.equal(up.status, 200)
    t.ok(came > BYTES)
  }
  const down = await curl(['--http1.1', '-o', '/dev/null', `https://${CONTENT}/2/none`], options)
  t.match(down, { code: 0, status: 200 })
  // In place of a buffer a record and Node's own copy of those that wait. Besides, heads and a certificate's few.
  t.ok(copies.bytes() < 3 * BYTES + (256 << 10), `${copies.bytes()} of ${3 * BYTES} bytes were copied`)
})

t.test('a decision takes the same few hundred bytes, however many rules there are', async t => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const bytesOf = (rules: number): number => {
    const policy = compile(policyOf(rules, varied), 1)
    const asked = requests(2_000, rules).map(facts => ({ facts, verdict: evaluate(policy, facts) }))
      .filter(({ verdict: { settled, decision: { noted, monitored } } }) => settled && noted === undefined && monitored === undefined).map(({ facts }) => facts)
    t.ok(asked.length > 500)
    const each = (): number => {
      gc()
      const before = process.memoryUsage().heapUsed
      for (let i = 0; i < 10; i++) for (const facts of asked) evaluate(policy, facts)
      return (process.memoryUsage().heapUsed - before) / (10 * asked.length)
    }
    // The first also hold what was compiled meanwhile, and one in which memory is collected holds less.
    return Array.from({ length: 9 }, each).sort((a, b) => a - b)[4] ?? 0
  }
  const [few, many] = [bytesOf(10), bytesOf(3_000)]
  t.ok(few < 1_024, `${few.toFixed(1)} bytes each`)
  t.ok(many < few * 1.5, `${many.toFixed(1)} bytes each with 3,000 rules, ${few.toFixed(1)} with 10`)
})

/** Counts the bytes that anybody's code in this process copies between buffers; what Node itself does is not seen. */
function countCopies(): { bytes(): number; stop(): void } {
  let bytes = 0
  const { concat, from } = Buffer
  const { copy } = Buffer.prototype
  const { set, slice } = Uint8Array.prototype
  Object.assign(Buffer, {
    concat: (...args: Parameters<typeof concat>) => {
      const made = concat(...args)
      bytes += made.length
      return made
    },
    from: (...args: Parameters<typeof from>) => {
      const made = from(...args)
      if (ArrayBuffer.isView(args[0])) bytes += made.length
      return made
    },
  })
  Object.assign(Buffer.prototype, {
    copy(this: Buffer, ...args: Parameters<typeof copy>) {
      const copied = copy.apply(this, args)
      bytes += copied
      return copied
    },
  })
  Object.assign(Uint8Array.prototype, {
    set(this: Uint8Array, ...args: Parameters<typeof set>) {
      bytes += args[0].length
      set.apply(this, args)
    },
    slice(this: Uint8Array, ...args: Parameters<typeof slice>) {
      const made = slice.apply(this, args)
      bytes += made.length
      return made
    },
  })
  return {
    bytes: () => bytes,
    stop() {
      Object.assign(Buffer, { concat, from })
      Object.assign(Buffer.prototype, { copy })
      Object.assign(Uint8Array.prototype, { set, slice })
    },
  }
}
