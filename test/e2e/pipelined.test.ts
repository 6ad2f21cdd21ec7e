/** Requests that come one upon the other on one connection: each is decided once, answered in order, and nothing of it is lost. */
import t from 'tap'
import type { Test } from 'tap'
import { ENGINE } from '../engine.ts'
import { eventually, events, metric, watchProcess } from './observe.ts'
import { startScriptedWorld } from './scripted-world.ts'
import { ALLOW_ALL, CONTENT, openHttp, upload } from './wire.ts'
import type { Wire } from './wire.ts'

const faults = watchProcess(t)
const { origin, world } = await startScriptedWorld(t, { drop: false })
/** Nothing was thrown where nobody catches, and every request is over. */
async function isQuiet(t: Test): Promise<void> {
  t.strictSame(faults, [])
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0), 'no tunnel stays open')
}

const GET = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: ${CONTENT}\r\n${more}\r\n`

/** Answers to a path wait until what comes back is called. */
function hold(path: string): () => void {
  let send: () => void = () => undefined
  origin.answers.set(path, ({ socket }) => { send = () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`) })
  return () => send()
}

const came = (path: string): Promise<boolean> => eventually(() => origin.seen.some((one) => one.path === path && one.isWhole))

/** Sends each piece so that it is read by itself. */
async function inPieces(wire: Wire, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    wire.write(piece)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

t.test('HTTP/1.0 behind a request that waits, with a body, in pieces', async (t) => {
  const before = (await events(world)).length
  const send = hold('/slow')
  const wire = await openHttp(world, CONTENT)
  wire.write(GET('/slow'))
  t.ok(await came('/slow'))
  await inPieces(wire, ['POST /old HTTP/1.0\r\nHost: ', `${CONTENT}\r\nContent-Type: text/plain\r\nConte`, 'nt-Length: 2000\r\n\r\n', 'a'.repeat(900), 'b'.repeat(1_090), 'c'.repeat(10)])
  send()
  t.equal((await wire.response()).body.toString(), '/slow')
  t.equal((await wire.response()).body.toString(), '/old')
  t.match(origin.seen.map(({ method, path, body }) => ({ method, path, body })), [
    { method: 'GET', path: '/slow' }, { method: 'POST', path: '/old', body: 'a'.repeat(900) + 'b'.repeat(1_090) + 'c'.repeat(10) },
  ])
  await wire.rest()
  t.ok(await eventually(async () => (await events(world)).length >= before + 2))
  t.equal((await events(world)).length, before + 2, 'each is recorded once')
})

t.test('an upload that is looked into, in chunks of a byte, behind a request that waits', async (t) => {
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [{ id: 'large', when: { activity: 'upload', size: { atLeast: 10_000_000 } }, action: 'block' }] })
  t.teardown(() => world.setPolicy(ALLOW_ALL))
  const send = hold('/slow')
  const wire = await openHttp(world, CONTENT)
  wire.write(GET('/slow'))
  t.ok(await came('/slow'))
  const chunks = '1\r\nx\r\n'.repeat(60_000) + '0\r\n\r\n'
  wire.write(`POST /2/files/upload HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n`)
  wire.write(chunks)
  wire.write(GET('/next'))
  // As much as is held has come by then; how much that is, is Sluice's own affair.
  await new Promise((resolve) => setTimeout(resolve, 300))
  send()
  t.equal((await wire.response()).body.toString(), '/slow')
  t.equal((await wire.response()).body.toString(), '/2/files/upload')
  t.equal((await wire.response()).body.toString(), '/next')
  t.equal(origin.seen.find(({ path }) => path === '/2/files/upload')?.body.match(/x/g)?.length, 60_000)
  wire.close()
  await isQuiet(t)
})

t.test('requests of all kinds with bodies, written at once', async (t) => {
  const wire = await openHttp(world, CONTENT)
  const kinds = [
    GET('/a'), `POST /b HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Length: 5\r\n\r\nGET /`, `PUT /c HTTP/1.1\r\nHost: ${CONTENT}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\nX-A: b\r\n\r\n`,
    `POST /d HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Length: 0\r\n\r\n`, `DELETE /e HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`, upload('hello', { path: '/2/files/upload' }).toString('latin1'),
  ]
  const rounds = 20
  wire.write(kinds.join('').repeat(rounds))
  const paths = ['/a', '/b', '/c', '/d', '/e', '/2/files/upload']
  for (let i = 0; i < rounds * kinds.length; i++) t.equal((await wire.response()).body.toString(), paths[i % kinds.length])
  t.equal(origin.seen.length, rounds * kinds.length)
  wire.close()
  await isQuiet(t)
})

t.test('requests and bodies cut at every byte', async (t) => {
  const text = GET('/a') + `POST /b HTTP/1.1\r\nHost: ${CONTENT}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n` + `PUT /c HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Length: 3\r\n\r\nabc`
  const wire = await openHttp(world, CONTENT)
  for (let at = 1; at < text.length; at++) {
    wire.write(text.slice(0, at))
    await new Promise((resolve) => setImmediate(resolve))
    wire.write(text.slice(at))
    for (const path of ['/a', '/b', '/c']) t.equal((await wire.response()).body.toString(), path, `cut at ${at}`)
  }
  t.equal(origin.seen.filter(({ body }) => body === 'abc').length, text.length - 1)
  wire.close()
  await isQuiet(t)
})

// Node's own server reads on as long as its answers wait elsewhere.
t.test('thousands of requests of a client that reads nothing', { skip: ENGINE === 'pipeline' && 'the relay alone takes one at a time' }, async (t) => {
  const wire = await openHttp(world, CONTENT)
  wire.socket.pause()
  const count = 2_500
  const body = 'y'.repeat(4_000)
  origin.answers.set('/many', ({ socket }) => { socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`) })
  wire.write(GET('/many').repeat(count))
  let last = -1
  t.ok(await eventually(async () => {
    const now = origin.seen.length
    await new Promise((resolve) => setTimeout(resolve, 300))
    const isStill = now === last && now > 0
    last = now
    return isStill
  }, 30_000), 'it comes to a stand')
  t.ok(origin.seen.length < count, `after ${origin.seen.length}`)
  wire.socket.resume()
  for (let i = 0; i < count; i++) {
    const answer = await wire.response()
    if (answer.status !== 200 || answer.body.length !== body.length) return t.fail(`answer ${i}: ${answer.status}`)
  }
  t.equal(origin.seen.length, count)
  wire.close()
  await isQuiet(t)
})

t.test('what comes behind a request that waits is held back, beyond a bound', { skip: ENGINE === 'pipeline' && 'there, only a body is held back' }, async (t) => {
  const send = hold('/slow')
  const wire = await openHttp(world, CONTENT)
  wire.write(GET('/slow'))
  t.ok(await came('/slow'))
  // More than the system holds for both ends.
  const body = Buffer.alloc(64 * 1024 * 1024, 'x')
  wire.write(`POST /behind HTTP/1.1\r\nHost: ${CONTENT}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`)
  let sent = 0
  // One after the other: several together would count when the last has left.
  const writeOn = (error?: Error | null): void => {
    if (error != null || sent >= body.length) return
    const piece = body.subarray(sent, sent + 65_536)
    wire.socket.write(piece, (failed) => {
      sent += piece.length
      writeOn(failed)
    })
  }
  writeOn()
  let last = -1
  t.ok(await eventually(async () => {
    const now = sent
    await new Promise((resolve) => setTimeout(resolve, 500))
    const isStill = now === last
    last = now
    return isStill
  }, 30_000), 'it comes to a stand')
  t.ok(sent < body.length, `after ${sent} bytes`)
  send()
  t.equal((await wire.response()).body.toString(), '/slow')
  wire.close()
  await isQuiet(t)
})
