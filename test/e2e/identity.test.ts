/** CONNECT, SNI, Host and `:authority` name one host, and every request of a connection is decided by itself. */
import t from 'tap'
import { metric, watchProcess } from './observe.ts'
import { ALLOW_ALL, API, BLOCK_UPLOADS, CONTENT, UPLOAD, Wire, ask2, connect, openHttp, openHttp2, secure, upload } from './wire.ts'
import { startWorld } from './world.ts'

const faults = watchProcess(t)
const world = await startWorld()
t.teardown(() => world.close())
t.beforeEach(async () => {
  await world.origin.reset()
  await world.setPolicy(ALLOW_ALL)
})
const get = (host: string, target = '/'): string => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

t.test('CONNECT to one catalogue host with the SNI of another serves neither', async t => {
  for (const host of [API, CONTENT]) {
    const wire = await openHttp(world, API, { servername: CONTENT })
    wire.write(get(host))
    const { status, body } = await wire.response()
    t.equal(status, 400, host)
    t.match(JSON.parse(body.toString('utf8')), { error_summary: /identity\.mismatch/ })
    wire.close()
  }
  t.strictSame(world.origin.requests(), [])
})

t.test('domain fronting, both ways round', async t => {
  const before = await metric(world, 'sluice_refused_total', { code: 'identity.mismatch' })
  for (const host of [CONTENT, 'spliced.example']) {
    const wire = await openHttp(world, 'spliced.example', { servername: CONTENT })
    wire.write(get(host))
    t.equal((await wire.response()).status, 400, `CONNECT elsewhere, SNI of the catalogue, Host ${host}`)
    wire.close()
  }
  const { socket } = await connect(world, `${CONTENT}:443`)
  await t.rejects(secure(world, socket, 'spliced.example'), /unrecognized name/, 'CONNECT to the catalogue, SNI elsewhere')
  socket.destroy()
  t.equal(await metric(world, 'sluice_refused_total', { code: 'identity.mismatch' }), before + 3)
  t.strictSame(world.origin.requests(), [])
})

t.test('Host must name the host of the tunnel', async t => {
  const refused = [
    get(API), get('evil.example'), get(`${CONTENT}:444`), get(`${CONTENT}:80`), get(`user@${CONTENT}`), get(''), get(`${CONTENT},${API}`), get(`${CONTENT} ${API}`),
    get(`${CONTENT}.evil.example`), get('127.0.0.1'), get(`${CONTENT}..`), get(`[${CONTENT}]`), get(`${CONTENT}:`.replace(':', '%3a')),
    'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.0\r\n\r\n', `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\nHost: ${API}\r\n\r\n`, `GET / HTTP/1.1\r\nHost: ${CONTENT}\r\nhost: ${CONTENT}\r\n\r\n`,
    get(CONTENT, `https://${API}/`), get(API, `https://${CONTENT}/`), get(CONTENT, `http://${CONTENT}/`), get(CONTENT, `https://${CONTENT}@${API}/`),
    get(CONTENT, `https://${CONTENT}:444/`),
  ]
  for (const request of refused) {
    const wire = await openHttp(world, CONTENT)
    wire.write(request)
    const { status, headers } = await wire.response()
    t.equal(status, 400, JSON.stringify(request))
    t.notOk(headers.has('via'), 'refused here, not by the origin')
    wire.close()
  }
  t.strictSame(world.origin.requests(), [])
})

t.test('spellings of one host are that host', async t => {
  const served = [get(CONTENT.toUpperCase()), get(`${CONTENT}.`), get(`${CONTENT}:443`), get(CONTENT, `https://${CONTENT}/`), get(CONTENT, `HTTPS://${CONTENT.toUpperCase()}:443/`)]
  for (const request of served) {
    const wire = await openHttp(world, CONTENT)
    wire.write(request)
    t.equal((await wire.response()).status, 200, JSON.stringify(request))
    wire.close()
  }
  const wire = new Wire(await secure(world, (await connect(world, `${CONTENT.toUpperCase()}.:443`)).socket, CONTENT.toUpperCase()))
  wire.write(get(CONTENT))
  t.equal((await wire.response()).status, 200, 'CONNECT and SNI in capitals')
  wire.close()
  t.ok(world.origin.requests().every(({ path, sni, host }) => path === '/' && sni === CONTENT && host.replace(/\.$/, '') === CONTENT))
})

t.test('a later request on the same connection is held to the same host', async t => {
  const wire = await openHttp(world, CONTENT)
  wire.write(get(CONTENT))
  t.equal((await wire.response()).status, 200)
  wire.write(get(API))
  t.equal((await wire.response()).status, 400)
  wire.close()
  t.equal(world.origin.requests().length, 1)
})

t.test('HTTP/2: another :authority is misdirected, and the connection goes on serving its own host', async t => {
  const session = await openHttp2(world, CONTENT)
  t.equal((await ask2(session, { ':path': '/' })).status, 200)
  for (const authority of [API, 'evil.example', `${CONTENT}:444`]) {
    t.equal((await ask2(session, { ':path': '/', ':authority': authority })).status, 421, authority)
  }
  t.equal((await ask2(session, { ':path': '/', ':authority': CONTENT, host: API })).status, 421, 'Host differs')
  t.equal((await ask2(session, { ':path': '/', ':authority': '[1]' })).status, 400)
  t.equal((await ask2(session, { ':path': '/', ':authority': `${CONTENT.toUpperCase()}:443` })).status, 200)
  t.equal((await ask2(session, { ':path': '/' })).status, 200)
  session.destroy()
  const fronted = await openHttp2(world, 'spliced.example', { servername: CONTENT })
  t.equal((await ask2(fronted, { ':path': '/', ':authority': CONTENT })).status, 421, 'domain fronting')
  fronted.destroy()
  t.equal(world.origin.requests().length, 3)
})

t.test('every request of a connection is decided anew, by the policy of that moment', async t => {
  await world.setPolicy(BLOCK_UPLOADS)
  const wire = await openHttp(world, CONTENT)
  const session = await openHttp2(world, CONTENT)
  const headers = { ':method': 'POST', ':path': UPLOAD, 'dropbox-api-arg': '{"path":"/b.txt"}' }
  wire.write(get(CONTENT))
  t.equal((await wire.response()).status, 200)
  t.equal((await ask2(session, { ':path': '/' })).status, 200)
  wire.write(upload('blocked'))
  const refusal = await wire.response()
  t.equal(refusal.status, 403)
  t.match(refusal.body.toString('utf8'), /Not here\./)
  t.equal((await ask2(session, headers, Buffer.from('blocked'))).status, 403)
  t.equal(world.origin.fileBytes(), 0)
  await world.setPolicy(ALLOW_ALL)
  const second = refusal.headers.get('connection') === 'close' ? await openHttp(world, CONTENT) : wire
  second.write(upload('allowed'))
  t.equal((await second.response()).status, 200)
  t.equal((await ask2(session, headers, Buffer.from('allowed'))).status, 200)
  await world.setPolicy(BLOCK_UPLOADS)
  second.write(upload('blocked'))
  t.equal((await second.response()).status, 403)
  t.equal((await ask2(session, headers, Buffer.from('blocked'))).status, 403)
  t.equal(world.origin.fileBytes(), 14)
  for (const one of [wire, second]) one.close()
  session.destroy()
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
