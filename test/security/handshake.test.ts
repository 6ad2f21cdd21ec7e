/** Clients that begin and do not go on, and names that do not agree. */
import { connect as tlsConnect } from 'node:tls'
import net from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { readHead } from '../../proxy/head.ts'
import { metric } from '../e2e/observe.ts'
import { Wire, connect } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

t.test('CONNECT for one name and SNI for another is refused, also where neither is in the catalogue', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const open = (target: string, servername: string): Promise<string> => new Promise((resolve) => {
    const { hostname, port } = new URL(world.proxy)
    const socket = net.connect(Number(port), hostname, () => socket.write(`CONNECT ${target}:443 HTTP/1.1\r\nHost: ${target}:443\r\n\r\n`))
    socket.once('data', () => {
      const secured = tlsConnect({ socket, servername, ca: world.origin.ca }, () => {
        resolve('open')
        secured.destroy()
      })
      secured.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    })
  })
  t.equal(await open('spliced.example', 'spliced.example'), 'open')
  t.match(await open('spliced.example', 'www.example.com'), /UNRECOGNIZED_NAME/)
})

t.test('a field that requests are read by may not come twice', async t => {
  for (const name of ['Dropbox-API-Arg', 'Content-Encoding', 'X-Goog-Upload-Command', 'X-Upload-Content-Length']) {
    const rawHeaders = ['Host', 'content.dropboxapi.com', name, 'a', name.toLowerCase(), 'b']
    t.throws(
      () => readHead({ method: 'POST', url: '/', rawHeaders, httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', false),
      { code: 'request.malformed' }, name,
    )
  }
})

/** A ClientHello that asks for `servername`, and hides another name in an encrypted_client_hello (RFC 9849 §5). */
async function hiddenHello(servername: string): Promise<Buffer> {
  const hello = await new Promise<Buffer>((resolve) => {
    const shim = new Duplex({ read: () => undefined, write: (chunk: Buffer) => resolve(chunk) })
    tlsConnect({ socket: shim, servername }).on('error', () => undefined)
  })
  // Record and handshake header, version and random; then session id, cipher suites, compression methods.
  let at = 5 + 4 + 2 + 32
  at += 1 + hello.readUInt8(at)
  at += 2 + hello.readUInt16BE(at)
  at += 1 + hello.readUInt8(at)
  const payload = Buffer.concat([Buffer.from([0]), Buffer.alloc(63, 7)])
  const extension = Buffer.concat([Buffer.from([0xfe, 0x0d, 0, payload.length]), payload])
  const longer = Buffer.concat([hello, extension])
  longer.writeUInt16BE(hello.readUInt16BE(at) + extension.length, at)
  longer.writeUIntBE(hello.readUIntBE(6, 3) + extension.length, 6, 3)
  longer.writeUInt16BE(hello.readUInt16BE(3) + extension.length, 3)
  return longer
}

t.test('an encrypted ClientHello is judged by its outer name, and refused where that is not the name of the tunnel', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const answer = async (outer: string): Promise<string> => {
    const { socket } = await connect(world, 'spliced.example:443')
    const wire = new Wire(socket)
    wire.write(await hiddenHello(outer))
    const first = await wire.take((bytes) => bytes.length < 7 ? -1 : 7)
    wire.close()
    return first.toString('hex')
  }
  t.equal(await answer('cover.example'), '15030300020231', 'access_denied')
  t.equal(await metric(world, 'sluice_refused_total', { code: 'tunnel.opaque' }), 1)
  t.match(await answer('spliced.example'), /^16/, 'the handshake of the origin: what hides nothing of where it goes passes')
})
