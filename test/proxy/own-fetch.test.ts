import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { createGetJson } from '../../proxy/own-fetch.ts'
import { createVia } from '../../proxy/via.ts'
import { makeAuthority } from '../e2e/tls-server.ts'

/** No further root, list, pin or parent. */
const NOTHING = { caFiles: [], crlFiles: [], pins: new Map<string, string[]>(), parent: null, via: createVia() }

async function listen(t: Test, server: Server & { closeAllConnections(): void }): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A TLS server for `idp.example`, and a way to it. */
async function setUp(t: Test, serve: RequestListener) {
  const authority = await makeAuthority()
  t.teardown(() => authority.close())
  const port = await listen(t, createTlsServer(authority.leaf({ names: ['idp.example'] }), serve))
  return { caFiles: [authority.file], hosts: new Map([['idp.example:443', { address: '127.0.0.1', port }]]), port }
}

t.test('an answer in JSON over verified TLS', async (t) => {
  const asked: unknown[] = []
  const { caFiles, hosts } = await setUp(t, (request, response) => {
    asked.push([request.url, request.headers.host, request.headers.authorization])
    response.end('{"a":1}')
  })
  t.strictSame(await createGetJson({ ...NOTHING, hosts, caFiles })('https://idp.example/keys?v=2'), { a: 1 })
  t.strictSame(asked, [['/keys?v=2', 'idp.example', undefined]])
  await t.rejects(createGetJson({ ...NOTHING, hosts })('https://idp.example/keys'), 'a root that nobody named')
  const other = new Map([['other.example:443', hosts.get('idp.example:443') ?? { address: '', port: 0 }]])
  await t.rejects(createGetJson({ ...NOTHING, hosts: other, caFiles })('https://other.example/'), 'a certificate of another name')
  const pins = new Map([['idp.example', ['sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']]])
  await t.rejects(createGetJson({ ...NOTHING, hosts, caFiles, pins })('https://idp.example/keys'), 'a key that is not expected')
})

t.test('through the parent proxy, which resolves the name', async (t) => {
  const { caFiles, port } = await setUp(t, (_request, response) => response.end('{"a":2}'))
  const targets: (string | undefined)[] = []
  const proxy = createServer().on('connect', (request, socket) => {
    targets.push(request.url)
    const origin = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(origin).pipe(socket)
    })
    socket.on('error', () => origin.destroy())
    origin.on('error', () => socket.destroy())
  })
  const parent = { host: '127.0.0.1', port: await listen(t, proxy), authorization: null }
  t.strictSame(await createGetJson({ ...NOTHING, hosts: new Map(), caFiles, parent })('https://idp.example/'), { a: 2 })
  t.strictSame(targets, ['idp.example:443'])
})

t.test('no redirect is followed, and what is not the answer is none', async (t) => {
  let answers = 0
  const { caFiles, hosts } = await setUp(t, (request, response) => {
    answers += 1
    if (request.url === '/moved') response.writeHead(302, { location: '/keys' }).end()
    else if (request.url === '/failed') response.writeHead(500).end('{}')
    else if (request.url === '/cut') response.writeHead(200, { 'content-length': '100' }).write('{"a":1}', () => response.destroy())
    else response.end('<html>')
  })
  const getJson = createGetJson({ ...NOTHING, hosts, caFiles })
  await t.rejects(getJson('https://idp.example/moved'), { message: 'idp.example answered 302' })
  await t.rejects(getJson('https://idp.example/failed'), { message: 'idp.example answered 500' })
  await t.rejects(getJson('https://idp.example/html'), { message: /JSON/ })
  await t.rejects(getJson('https://idp.example/cut'))
  t.equal(answers, 4)
  for (const url of ['http://idp.example/', 'ftp://idp.example/', 'https://user:secret@idp.example/', 'nonsense']) await t.rejects(getJson(url), { message: /https/ }, url)
})
