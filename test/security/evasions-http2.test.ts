/** The same as `evasions.test.ts` over HTTP/2, in frames that no library sends. */
import { spawn, spawnSync } from 'node:child_process'
import t from 'tap'
import { block, END_HEADERS, END_STREAM, frame, openFrames } from '../e2e/frames.ts'
import { startLenientOrigin } from '../e2e/lenient-origin.ts'
import { eventually, watchProcess } from '../e2e/observe.ts'
import { ALLOW_ALL, CONTENT, UPLOAD } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'

const faults = watchProcess(t)
const origin = await startLenientOrigin()
const world = await startWorld({ config: { upstream: { hosts: origin.hosts, ca: [origin.caFile] } } })
t.teardown(async () => {
  await world.close()
  await origin.close()
})
const FOREIGN = { ...ALLOW_ALL, rules: [{ id: 'foreign', when: { activity: 'upload', not: { tenant: 'sanctioned' } }, action: 'block' }] }

type Fields = readonly (readonly [string, string])[]
const FILE = Buffer.from('a small secret')
const BASE: Fields = [[':method', 'POST'], [':scheme', 'https'], [':authority', CONTENT], [':path', UPLOAD], ['authorization', 'Bearer of-somebody-else'], ['dropbox-api-arg', '{"path":"/a.txt"}']]

/** The upload with some fields replaced, and others behind. */
function having(over: Readonly<Record<string, string | null>>, ...more: Fields): Fields {
  return [...BASE.flatMap(([name, value]): Fields => over[name] === null ? [] : [[name, over[name] ?? value]]), ...more]
}
const plain = (fields: Fields, body = FILE): Buffer[] => [frame('headers', END_HEADERS, 1, block(fields)), frame('data', END_STREAM, 1, body)]

/** `malformed`: a fault of the protocol, whatever the policy says. `stripped`: what would mislead the origin does not reach it. */
interface Case {
  readonly frames: readonly Buffer[]
  readonly is?: 'malformed' | 'stripped'
}
const good = (frames: readonly Buffer[]): Case => ({ frames })
const bad = (frames: readonly Buffer[]): Case => ({ frames, is: 'malformed' })
const head = block(BASE)

const CASES: Readonly<Record<string, Case>> = {
  'as it is': good(plain(BASE)),
  'its path escaped twice': good(plain(having({ ':path': '/2/files/%2575pload' }))),
  'its path with controls': good(plain(having({ ':path': '/2/files/up%00load' }))),
  'its path an address': bad(plain(having({ ':path': `https://evil.example${UPLOAD}` }))),
  'its path not from the root': bad(plain(having({ ':path': '2/files/upload' }))),
  'its path empty': bad(plain(having({ ':path': '' }))),
  'its path with a fragment': bad(plain(having({ ':path': `${UPLOAD}#x` }))),
  'two paths': bad(plain([...BASE, [':path', '/2/files/list_folder']])),
  'a path behind other fields': bad(plain([...having({ ':path': null }), [':path', UPLOAD]])),
  'a pseudo-field that is unknown': bad(plain([[':sluice', 'x'], ...BASE])),
  'a body under GET': good(plain(having({ ':method': 'GET' }))),
  'a body under GET with its length': good(plain(having({ ':method': 'GET' }, ['content-length', String(FILE.length)]))),
  'a body under TRACE': good(plain(having({ ':method': 'TRACE' }))),
  'a body under a method that the origin does not know': bad(plain(having({ ':method': 'UPLOAD' }))),
  'a method in lower case': bad(plain(having({ ':method': 'post' }))),
  'a method with a space': bad(plain(having({ ':method': 'GET POST' }))),
  'CONNECT': bad(plain(having({ ':method': 'CONNECT', ':scheme': null, ':path': null }))),
  'CONNECT for a protocol': bad(plain([[':protocol', 'websocket'], ...having({ ':method': 'CONNECT' })])),
  'another scheme': good(plain(having({ ':scheme': 'http' }))),
  'no authority, a Host': good(plain(having({ ':authority': null }, ['host', CONTENT]))),
  'another Host than the authority': bad(plain(having({}, ['host', 'evil.example']))),
  'an authority with user info': bad(plain(having({ ':authority': `evil.example@${CONTENT}` }))),
  'an authority in capitals': good(plain(having({ ':authority': `${CONTENT.toUpperCase()}.:443` }))),
  'a name in capitals': bad(plain(having({}, ['X-Http-Method-Override', 'GET']))),
  'a name with a line end, which is dropped': good(plain(having({}, ['x\r\nx', '1']))),
  'a value with a line end, which is dropped': good(plain(having({}, ['x', '1\r\ntransfer-encoding: chunked']))),
  'a value with a NUL, which is dropped': good(plain(having({}, ['x', '1\0']))),
  'a transfer coding': bad(plain(having({}, ['transfer-encoding', 'chunked']))),
  'a Connection field': bad(plain(having({}, ['connection', 'dropbox-api-arg']))),
  'an upgrade': bad(plain(having({}, ['upgrade', 'h2c']))),
  'a length that is less': bad(plain(having({}, ['content-length', '3']))),
  'a length that is more': bad(plain(having({}, ['content-length', '300']))),
  'a length of nothing': bad(plain(having({}, ['content-length', '0']))),
  'two lengths': bad(plain(having({}, ['content-length', '0'], ['content-length', String(FILE.length)]))),
  'an argument twice': bad(plain(having({}, ['dropbox-api-arg', '{"path":"/b.txt"}']))),
  'another path for servers behind': { frames: plain(having({ ':path': '/2/users/get_current_account' }, ['x-original-url', UPLOAD])), is: 'stripped' },
  'another method, with underscores': good(plain(having({}, ['x_http_method_override', 'GET']))),
  'Expect': good(plain(having({}, ['expect', '100-continue']))),
  'an unknown expectation': bad(plain(having({}, ['expect', 'nothing']))),
  'Early-Data': good(plain(having({}, ['early-data', '1']))),
  'a head in some frames': good([frame('headers', 0, 1, head.subarray(0, 20)), frame('continuation', 0, 1, head.subarray(20, 50)), frame('continuation', END_HEADERS, 1, head.subarray(50)), frame('data', END_STREAM, 1, FILE)]),
  'a head in many frames': bad([frame('headers', 0, 1, head.subarray(0, 20)), ...Array.from(head.subarray(20, -1), byte => frame('continuation', 0, 1, Buffer.from([byte]))),
    frame('continuation', END_HEADERS, 1, head.subarray(-1)), frame('data', END_STREAM, 1, FILE)]),
  'a body in frames of one byte and none': good([frame('headers', END_HEADERS, 1, head), ...Array.from(FILE).flatMap(byte => [frame('data', 0, 1), frame('data', 0, 1, Buffer.from([byte]))]), frame('data', END_STREAM, 1)]),
  'padding': good([frame('headers', END_HEADERS | 8, 1, Buffer.concat([Buffer.from([9]), head, Buffer.alloc(9)])), frame('data', END_STREAM | 8, 1, Buffer.concat([Buffer.from([99]), FILE, Buffer.alloc(99)]))]),
  'trailers that tell another name': good([frame('headers', END_HEADERS, 1, head), frame('data', 0, 1, FILE), frame('headers', END_HEADERS | END_STREAM, 1, block([['dropbox-api-arg', '{"path":"/b.txt"}']]))]),
  'trailers with a pseudo-field': bad([frame('headers', END_HEADERS, 1, head), frame('data', 0, 1, FILE), frame('headers', END_HEADERS | END_STREAM, 1, block([[':path', '/']]))]),
  'a body without a head': bad([frame('data', END_STREAM, 1, FILE)]),
  'a body behind the end': bad([frame('headers', END_HEADERS | END_STREAM, 1, head), frame('data', END_STREAM, 1, FILE)]),
  'a stream of an even number': bad([frame('headers', END_HEADERS, 2, head), frame('data', END_STREAM, 2, FILE)]),
  'a frame between head and continuation': bad([frame('headers', 0, 1, head.subarray(0, 20)), frame('ping', 0, 0, Buffer.alloc(8)), frame('continuation', END_HEADERS, 1, head.subarray(20)), frame('data', END_STREAM, 1, FILE)]),
}

/** Sends the frames, and waits for an end of the stream or the connection. */
async function send(frames: readonly Buffer[]): Promise<boolean> {
  const wire = await openFrames(world, CONTENT)
  wire.write(...frames)
  const ended = await eventually(() => wire.isOver() || wire.ended.size > 0)
  wire.close()
  return ended
}

t.test('an upload in other frames is one to a foreign account still', async t => {
  await world.setPolicy(ALLOW_ALL)
  const allowed = new Map<string, number>()
  for (const [name, { frames }] of Object.entries(CASES)) {
    origin.reset()
    await send(frames)
    allowed.set(name, origin.stored())
  }
  await world.setPolicy(FOREIGN)
  for (const [name, { frames, is }] of Object.entries(CASES)) {
    await t.test(name, async t => {
      origin.reset()
      t.ok(await send(frames), 'it is answered or ended')
      t.equal(origin.stored(), 0)
      t.equal((allowed.get(name) ?? 0) > 0, is === undefined, is === undefined ? 'where all is allowed, it is stored' : 'it is not stored where all is allowed either')
    })
  }
})

t.test('no request is taken before the handshake has ended (0-RTT)', { skip: spawnSync('openssl', ['version']).status === 0 ? false : 'this machine has no openssl' }, async t => {
  const { hostname, port } = new URL(world.proxy)
  const client = spawn('openssl', ['s_client', '-proxy', `${hostname}:${port}`, '-connect', `${CONTENT}:443`, '-servername', CONTENT, '-CAfile', world.caFile, '-tls1_3', '-msg', '-alpn', 'http/1.1'])
  let text = ''
  client.stdout.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
  client.stdin.write(`GET / HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`)
  t.ok(await eventually(() => /Max Early Data: \d+/.test(text)), 'a ticket came')
  client.stdin.end()
  client.kill()
  t.notMatch(text, /Max Early Data: [1-9]/, 'and it allows no early data')
})

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
