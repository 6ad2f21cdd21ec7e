/** Uploads in plain HTTP to the proxy port, in whatever names of their host: the policy holds. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startRawServer } from '../e2e/raw-server.ts'
import { watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, CONTENT, UPLOAD, Wire, connect, dialProxy } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const faults = watchProcess(t)
let stored = 0
const origin = http.createServer((request, response) => {
  request.on('data', (chunk: Buffer) => { stored += chunk.length })
  request.on('end', () => response.end('{}'))
})
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:80`]: `127.0.0.1:${(origin.address() as AddressInfo).port}` } } } })
t.teardown(async () => {
  await world.close()
  origin.close()
  origin.closeAllConnections()
})
const FOREIGN = { ...ALLOW_ALL, rules: [{ id: 'foreign', when: { activity: 'upload', not: { tenant: 'sanctioned' } }, action: 'block' }] }

const FILE = 'a small secret'
const post = (target: string, host = CONTENT, fields = '', version = '1.1'): string =>
  `POST ${target} HTTP/${version}\r\nHost: ${host}\r\nDropbox-API-Arg: {"path":"/a"}\r\nContent-Length: ${FILE.length}\r\n${fields}\r\n${FILE}`
const at = (host: string, path = UPLOAD): string => `http://${host}${path}`

/** `no`: refused, or not forwarded, whatever the policy says. */
const CASES: Readonly<Record<string, { readonly text: string; readonly no?: true }>> = {
  'as it is': { text: post(at(CONTENT)) },
  'HTTP/1.0': { text: post(at(CONTENT), CONTENT, '', '1.0') },
  'its host in capitals': { text: post(at(CONTENT.toUpperCase())) },
  'its host with a dot': { text: post(at(`${CONTENT}.`)) },
  'its host with a port': { text: post(at(`${CONTENT}:80`)) },
  'its host escaped': { text: post(at('content%2edropboxapi.com')) },
  'its host in fullwidth letters': { text: post(at('\xef\xbd\x83ontent.dropboxapi.com')), no: true },
  'its scheme in capitals': { text: post(`HTTP://${CONTENT}${UPLOAD}`) },
  'its path escaped twice': { text: post(at(CONTENT, '/2/files/%2575pload')) },
  'another Host': { text: post(at(CONTENT), 'spliced.example'), no: true },
  'another host in the target': { text: post(at('spliced.example')), no: true },
  'user info': { text: post(at(`spliced.example@${CONTENT}`)), no: true },
  'user info, the other way round': { text: post(at(`${CONTENT}@spliced.example`)), no: true },
  'a target of https': { text: post(`https://${CONTENT}${UPLOAD}`), no: true },
  'a target of another scheme': { text: post(`ftp://${CONTENT}${UPLOAD}`), no: true },
  'a path alone': { text: post(UPLOAD), no: true },
  'another host for servers behind': { text: post(at(CONTENT), CONTENT, 'X-Forwarded-Host: contoso.example\r\n') },
  'a Host twice': { text: post(at(CONTENT), CONTENT, `Host: ${CONTENT}\r\n`), no: true },
  'a body under GET': { text: post(at(CONTENT)).replace('POST', 'GET') },
}

t.test('an upload in plain HTTP, in other names for its host', async t => {
  for (const [name, { text, no }] of Object.entries(CASES)) {
    for (const policy of [ALLOW_ALL, FOREIGN]) {
      await world.setPolicy(policy)
      stored = 0
      const wire = await dialProxy(world)
      wire.write(text)
      const { status } = await wire.response()
      wire.close()
      t.equal(stored > 0, policy === ALLOW_ALL && no === undefined, `${name}, ${policy === ALLOW_ALL ? 'all is allowed' : 'none to foreign accounts'}: ${status}`)
    }
  }
})

t.test('plain HTTP in a tunnel to a storage host', async t => {
  await world.setPolicy(ALLOW_ALL)
  stored = 0
  for (const port of [80, 443]) {
    const { socket } = await connect(world, `${CONTENT}:${port}`)
    const wire = new Wire(socket)
    wire.write(post(UPLOAD))
    t.equal((await wire.response()).status, 400, String(port))
    wire.close()
  }
  t.equal(stored, 0)
})

t.test('behind a parent proxy, the names of the catalogue are fronts, and addresses are not known', async t => {
  const asked: string[] = []
  const parent = await startRawServer(t, (socket: net.Socket) => {
    socket.once('data', (chunk: Buffer) => {
      asked.push(/^CONNECT (\S+)/.exec(chunk.toString('latin1'))?.[1] ?? '')
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
  })
  const behind = await startWorld({ config: { intercept: { front: 'block', opaque: 'splice' }, upstream: { hosts: {}, parent: `http://${parent}` } } })
  t.teardown(() => behind.close())
  const listed = await connect(behind, 'www.google.com:443')
  t.equal(listed.status, 403)
  listed.socket.destroy()
  const other = await connect(behind, 'neutral.example:443')
  t.equal(other.status, 200)
  const wire = new Wire(other.socket)
  wire.write('SSH-2.0-x\r\n')
  await wire.rest()
  wire.close()
  t.strictSame(asked, ['neutral.example:443'])
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
