/** Answers of every framing and at every moment: each reaches its client whole, or so that it is seen not to be, and ends its own exchange alone. */
import t from 'tap'
import type { Test } from 'tap'
import { ENGINE } from '../engine.ts'
import { eventually, events, metric, watchProcess } from './observe.ts'
import { startScriptedWorld } from './scripted-world.ts'
import { CONTENT, openHttp } from './wire.ts'
import type { RawResponse, Wire } from './wire.ts'

const faults = watchProcess(t)
const { origin, world } = await startScriptedWorld(t, { drop: true })

const request = (method: string, path: string, more = ''): string => `${method} ${path} HTTP/1.1\r\nHost: ${CONTENT}\r\n${more}\r\n`

/** Runs, and then sees to it that each request was recorded once, nothing was thrown and nothing stays open. */
async function settled(t: Test, count: number, run: (wire: Wire) => Promise<void>): Promise<void> {
  const before = (await events(world)).length
  const wire = await openHttp(world, CONTENT)
  await run(wire)
  wire.close()
  t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0), 'no tunnel stays open')
  t.ok(await eventually(async () => (await events(world)).length >= before + count), 'all is recorded')
  t.equal((await events(world)).length, before + count, 'each once')
  t.strictSame(faults, [])
}

interface Case {
  readonly says: string
  readonly method?: string
  /** Behind what it says the origin closes, properly or not. */
  readonly then?: 'end' | 'reset'
  readonly is: Partial<Omit<RawResponse, 'body'>> & { readonly body?: string }
  /** The client's connection takes the next request. */
  readonly goesOn: boolean
}

const CASES: Readonly<Record<string, Case>> = {
  'by length': { says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', is: { status: 200, body: 'hello', whole: true }, goesOn: true },
  'chunked': { says: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n', is: { status: 200, body: 'hello', whole: true }, goesOn: true },
  'Continue, Processing, Hints before it': {
    says: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', is: { status: 200, body: 'hello', whole: true }, goesOn: true,
  },
  '204 with a length': { says: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', is: { status: 204 }, goesOn: true },
  '204 with a body': { says: 'HTTP/1.1 204 No Content\r\n\r\nhello', is: { status: 204 }, goesOn: true },
  '304 with a length': { says: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "x"\r\n\r\n', is: { status: 304 }, goesOn: true },
  'HEAD with a length': { method: 'HEAD', says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', is: { status: 200 }, goesOn: true },
  'HEAD with a body': { method: 'HEAD', says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', is: { status: 200 }, goesOn: true },
  'HEAD, chunked': { method: 'HEAD', says: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', is: { status: 200 }, goesOn: true },
  'surplus behind it': { says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil', is: { status: 200, body: 'hello', whole: true }, goesOn: true },
  'HTTP/1.0 by length': { says: 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello', then: 'end', is: { status: 200, body: 'hello', whole: true }, goesOn: true },
  'cut within its length': { says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel', then: 'end', is: { status: 200, body: 'hel', whole: false }, goesOn: false },
  'cut within a chunk': { says: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel', then: 'reset', is: { status: 200, whole: false }, goesOn: false },
  'cut before the last chunk': { says: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', then: 'end', is: { status: 200, body: 'hello', whole: false }, goesOn: false },
  'cut within its head': { says: 'HTTP/1.1 200 OK\r\nContent-', then: 'end', is: { status: 502 }, goesOn: true },
  'none at all': { says: '', then: 'reset', is: { status: 502 }, goesOn: true },
  'two lengths': { says: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', is: { status: 502 }, goesOn: true },
  'another protocol, unasked': { says: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', is: { status: 502 }, goesOn: true },
  'informational without end': { says: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(300), is: { status: 502 }, goesOn: true },
}

for (const [name, one] of Object.entries(CASES)) {
  for (const size of [0, 1]) {
    t.test(`${name}, ${size === 0 ? 'at once' : 'byte by byte'}`, async (t) => {
      if (size === 1 && one.says.length > 500) return
      origin.answers.set('/odd', ({ socket }) => {
        const over = (): void => {
          if (one.then === 'end') socket.end()
          else if (one.then === 'reset') socket.destroy()
        }
        if (size === 0) {
          socket.write(one.says, over)
          return
        }
        const next = (at: number): void => {
          if (socket.destroyed) return
          if (at >= one.says.length) over()
          else socket.write(one.says.slice(at, at + 1), () => setImmediate(next, at + 1))
        }
        next(0)
      })
      await settled(t, one.goesOn ? 2 : 1, async (wire) => {
        const method = one.method ?? 'GET'
        wire.write(request(method, '/odd'))
        let answer = await wire.response({ head: method === 'HEAD' })
        while (answer.status === 102) answer = await wire.response()
        const { status, whole, body } = answer
        const { body: wanted, ...is } = one.is
        t.match({ status, whole }, is)
        // Of an answer that is cut, the last of what came may be lost.
        if (wanted !== undefined) t.ok(one.is.whole === true ? body.toString() === wanted : wanted.startsWith(body.toString()), body.toString())
        if (!one.goesOn) {
          t.equal((await wire.rest()).length, 0, 'the connection ends')
          return
        }
        wire.write(request('GET', '/next'))
        t.equal((await wire.response()).body.toString(), '/next', 'the next answer is that to the next request')
      })
    })
  }
}

t.test('as long as its connection', async (t) => {
  for (const then of ['end', 'reset'] as const) {
    origin.answers.set('/odd', ({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\nhello', () => then === 'end' ? socket.end() : setTimeout(() => socket.destroy(), 50)))
    await settled(t, 1, async (wire) => {
      wire.write(request('GET', '/odd'))
      const { status, body } = await wire.response()
      t.match({ status, body: body.toString() }, { status: 200, body: 'hello' })
    })
  }
})

t.test('trailers go with their answer', async (t) => {
  origin.answers.set('/odd', ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'))
  await settled(t, 2, async (wire) => {
    wire.write(request('GET', '/odd', 'TE: trailers\r\n'))
    const text = (await wire.take((bytes) => bytes.includes('0\r\nX-Sum: 1\r\n\r\n') ? bytes.length : -1)).toString()
    t.match(text, /hello\r\n0\r\nX-Sum: 1\r\n\r\n$/)
    wire.write(request('GET', '/next'))
    t.equal((await wire.response()).body.toString(), '/next')
  })
})

/** Writes pieces of a body until the other side has closed, or there are so many. */
async function goOn(wire: Wire, pieces: number): Promise<number> {
  let sent = 0
  while (sent < pieces && !wire.over) {
    if (!wire.socket.write(Buffer.alloc(1_024, 'x'))) await new Promise((resolve) => { wire.socket.once('drain', resolve).once('close', resolve) })
    sent++
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return sent
}

t.test('an answer while the client goes on sending', async (t) => {
  const answers = [
    ['HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nhello', false], ['HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello', true],
    ['HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\nhello', true], ['HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', false],
  ] as const
  const framings = ['Content-Length: 102400000\r\n', 'Transfer-Encoding: chunked\r\n']
  await settled(t, answers.length * framings.length, async () => {
    await Promise.all(answers.flatMap(([says, isLast], i) => framings.map(async (framing, j) => {
      const path = `/up${i}${j}`
      origin.early.set(path, ({ socket }) => { socket.write(says, () => { if (isLast) socket.end() }) })
      const wire = await openHttp(world, CONTENT)
      wire.write(request('POST', path, framing) + (j === 1 ? '6000000\r\n' : ''))
      const going = goOn(wire, 2_000)
      const text = (await wire.rest()).toString()
      t.match(text, /^HTTP\/1\.1 413 [A-Z][^]*hello/)
      t.match(text, /\r\nConnection: close\r\n/)
      await going
      wire.close()
    })))
  })
})

t.test('a kept connection that its origin has closed', async (t) => {
  let count = 0
  origin.early.set('/once', ({ socket, path }) => {
    count++
    if (count === 1) socket.destroy()
    else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
  })
  for (const [method, status, tries] of [['GET', 200, 2], ['POST', 502, 1]] as const) {
    count = 0
    await settled(t, 2, async (wire) => {
      wire.write(request('GET', '/first'))
      t.equal((await wire.response()).body.toString(), '/first')
      wire.write(request(method, '/once'))
      t.equal((await wire.response()).status, status, method)
      t.equal(count, tries)
    })
    for (const socket of origin.sockets) socket.destroy()
  }
})

t.test('a client that closes its side, or goes, at every moment', async (t) => {
  origin.early.set('/never', () => undefined)
  origin.answers.set('/never', () => undefined)
  origin.answers.set('/half', ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'))
  for (const text of [request('GET', '/never'), request('GET', '/half'), request('POST', '/never', 'Content-Length: 10\r\n') + 'hello', request('POST', '/never', 'Transfer-Encoding: chunked\r\n') + '5\r\nhel',
    // The pipeline decides what comes behind a request before that has its answer.
    ...ENGINE === 'relay' ? [request('GET', '/never') + request('GET', '/never')] : []]) {
    for (const end of ['end', 'destroy'] as const) {
      const seen = origin.seen.length
      await settled(t, 1, async (wire) => {
        wire.write(text)
        t.ok(await eventually(() => origin.seen.length === seen + 1))
        wire.socket[end]()
        await wire.rest()
      })
      t.ok(await eventually(() => origin.seen.at(-1)?.socket.destroyed === true), 'the origin sees it too')
    }
  }
})

t.test('half a gibibyte at an origin that takes nothing', { skip: ENGINE === 'pipeline' && 'see backpressure.test.ts' }, async (t) => {
  origin.early.set('/up', ({ socket }) => { socket.pause() })
  for (const framing of ['length', 'chunked', 'tiny chunks'] as const) {
    await settled(t, 1, async (wire) => {
      wire.write(request('POST', '/up', framing === 'length' ? `Content-Length: ${1 << 29}\r\n` : 'Transfer-Encoding: chunked\r\n') + (framing === 'chunked' ? '20000000\r\n' : ''))
      const piece = framing === 'tiny chunks' ? Buffer.from('1\r\nx\r\n'.repeat(10_000)) : Buffer.alloc(60_000, 'x')
      let sent = 0
      let isStill = false
      while (!isStill && sent < 1 << 29) {
        sent += piece.length
        if (wire.socket.write(piece)) continue
        isStill = await Promise.race([new Promise<boolean>((resolve) => wire.socket.once('drain', () => resolve(false))), new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 700))])
      }
      t.ok(isStill, `it comes to a stand after ${sent} bytes`)
      t.ok(sent < 64 << 20)
      for (const socket of origin.sockets) socket.destroy()
      t.equal((await wire.response()).status, 502, 'and goes on when that changes')
    })
  }
})

t.test('no listeners gather on connections that carry many requests', async (t) => {
  const warnings: Error[] = []
  const note = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', note)
  t.teardown(() => { process.off('warning', note) })
  await settled(t, 150, async (wire) => {
    for (let i = 0; i < 50; i++) {
      for (const [path, text] of [
        ['/a', request('GET', '/a')], ['/b', request('POST', '/b', 'Expect: 100-continue\r\nContent-Length: 2\r\n') + 'ab'], ['/c', request('PUT', '/c', 'Transfer-Encoding: chunked\r\n') + '1\r\na\r\n0\r\n\r\n'],
      ] as const) {
        wire.write(text)
        let answer = await wire.response()
        while (answer.status === 100) answer = await wire.response()
        t.equal(answer.body.toString(), path)
      }
    }
    for (const socket of origin.sockets) for (const name of socket.eventNames()) t.ok(socket.listenerCount(name) < 8, String(name))
  })
  t.strictSame(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'), [])
})
