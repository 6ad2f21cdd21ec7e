/** Clients that begin and do not go on, and names that do not agree. */
import { connect as tlsConnect } from 'node:tls'
import net from 'node:net'
import t from 'tap'
import { readHead } from '../../proxy/head.ts'
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
