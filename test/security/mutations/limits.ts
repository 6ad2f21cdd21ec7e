/** Rows S13: what one client may take, and for how long. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const FRONT = 'proxy/front.ts'
const WINDOWS = 'proxy/upload-windows.ts'
const NEVER = '1_000_000_000'
const WATCH = 'proxy/tunnel-watch.ts'
const PLACES = 'proxy/places.ts'
const GIVEN_UP = 'a head, a handshake and a tunnel that do not go on are given up'

const noProbe = { file: FRONT, find: '    probe.add(session, tunnel)\n', replace: '' }

export const LIMIT_MUTATIONS: readonly Mutation[] = [
  patch('S13.1', 'proxy/server-limits.ts', 'headersTimeout: headTime,', `headersTimeout: ${NEVER},`,
    'a head that is never finished is given up, before the proxy and within a tunnel', GIVEN_UP),
  patch('S13.1', FRONT, '    handshakeTimeout: numbers.handshakeTime,', `    handshakeTimeout: ${NEVER},`,
    'a TLS handshake that stops after its first message is given up', GIVEN_UP),
  patch('S13.1', 'proxy/connect.ts', 'readHello(socket, parts.limits.numbers.handshakeTime)', `readHello(socket, ${NEVER})`,
    'tunnels in which nothing or too little is said end', GIVEN_UP),
  patch('S13.2', WATCH, "  if (lastActivity !== null && now - lastActivity > tunnelIdle) return 'idle'\n", '', 'a tunnel in which nothing moves ends, one in which something moves does not'),
  patch('S13.3', WATCH, "return tunnelAge !== null && now - startedAt > tunnelAge ? 'age' : null", 'return null', 'at its age a tunnel ends: spliced, upgraded, or with nothing under way',
    'at its age a connection finishes the request that is under way: HTTP/1.1', 'at its age a connection finishes the requests that are under way: HTTP/2'),
  // The other way to be wrong: what is under way is cut.
  patch('S13.3', 'proxy/http1-connection.ts', 'else last.shouldKeepAlive = false', 'else this.#socket.destroy()', 'at its age a connection finishes the request that is under way: HTTP/1.1'),
  patch('S13.3', 'proxy/end-session.ts', '  session.close()', '  session.destroy()', 'at its age a connection finishes the requests that are under way: HTTP/2'),
  patch('S13.3', 'proxy/end-session.ts', '    tunnel.destroy()\n', '', 'at its age a connection ends, whether its client listens or not'),
  patch('S13.4', PLACES, "    if (own >= this.#options.each) return 'each'\n", '', 'a client has so many tunnels, and the others theirs', 'users are counted by name, wherever they come from',
    'a client has so many connections, and the others theirs', 'who opens many more connections than he may is hung up on at once'),
  patch('S13.4', PLACES, "    if (this.#total + this.others >= this.#options.all) return 'all'\n", '', 'there are so many tunnels in all', 'there are so many connections in all'),
  patch('S13.4', 'proxy/passage.ts', '    this.takePlace(exchange)\n', '    void this.takePlace\n', 'a client has so many requests under way, however few connections bring them'),
  patch('S13.4', 'policy/same-caller.ts', 'toByteArray().slice(0, 8)', 'toByteArray()', 'an IPv6 network of 64 bits is one client, and no name is an address'),
  patch('S13.5', 'proxy/mitm.ts', '      if (upstream.writableNeedDrain) {', '      if (false) {', 'HTTP/1.1: an upload waits for an origin that does not read',
    'HTTP/2: an upload waits for an origin that does not read, and other streams go on'),
  patch('S13.5', 'proxy/respond.ts', '  origin.pipe(response as NodeJS.WritableStream, { end: false })', "  origin.on('data', (chunk: Buffer) => response.write(chunk))\n  origin.resume()",
    'HTTP/1.1: a download waits for a client that does not read', 'HTTP/2: a download waits for a client that does not read'),
  patch('S13.5', 'proxy/splice.ts', '    from.pause()\n', '', 'a blind tunnel holds no more either'),
  {
    id: 'S13.7', edits: [noProbe, { file: FRONT, find: '    maxSessionMemory: 64,\n', replace: '    maxSessionMemory: 64,\n    streamResetBurst: 1_000_000, streamResetRate: 1_000_000,\n' }],
    expect: ['rapid resets, pings and settings do not stop the others'],
  },
  { id: 'S13.7', edits: [noProbe], expect: ['a head that is small on the wire and large in memory', 'frames that ask for work and carry nothing'] },
  patch('S13.6', 'proxy/descriptors.ts', 'if (limit === null || limit >= needed) return null', 'if (limit === null || limit > 0) return null',
    'too few file descriptors are told with how many there should be', 'a start and a check under a low limit say so'),
  patch('S13.8', 'proxy/memory-guard.ts', 'return this.#shedding !== null', 'return false',
    'above its bound of memory what is new is refused and what is under way goes on, until there is enough again'),
  patch('S13.8', 'proxy/memory-guard.ts', 'resident > bound * ENOUGH &&', 'resident > bound &&',
    'refusing for want of memory begins above the bound, and ends well below it or when half of the load is gone'),
  patch('S13.9', WINDOWS, 'Math.min(WIDE_WINDOW, Math.max(', '(Math.max(', 'a window grows with the distance, within bounds'),
  patch('S13.9', WINDOWS, "if (is === 'wide') narrow()", "if (is === 'wide') is = 'wide'", 'who sends many bodies at once gets small windows again, and goes on'),
  patch('S13.9', WINDOWS, 'session.socket.bytesRead > until) cut()', 'session.socket.bytesRead > until) is = \'settled\'', 'who goes on by windows that were taken back is cut off'),
]
