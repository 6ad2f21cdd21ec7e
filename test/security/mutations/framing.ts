/** Rows H: framing of HTTP/1.1. */
import { patches, within } from './mutation.ts'
import type { Edit, Mutation } from './mutation.ts'

const HEAD = 'proxy/head.ts'
const LIMITS = 'proxy/server-limits.ts'
const CONNECT = 'proxy/connect.ts'
const PIPELINE = 'proxy/pipeline.ts'
const PASSAGE = 'proxy/passage.ts'
const STALL = 'proxy/stall-watch.ts'
const FORWARD = 'proxy/forward-headers.ts'

/** As with --insecure-http-parser, which the pipeline alone stands behind; for the relay's own reader see `relay-framing.ts`. */
const LENIENT: readonly Edit[] = within(LIMITS, ['insecureHTTPParser: false', 'insecureHTTPParser: true'])
/** Whatever Node's parser lets pass is taken, and sent on. */
const ANY_CODING: readonly Edit[] = within(HEAD,
  ["if (coding.toLowerCase() !== 'chunked' || (raw.httpVersionMajor === 1 && raw.httpVersionMinor === 0))", 'if (false)'])
const ANY_LENGTH: readonly Edit[] = within(HEAD, ["if (!/^[0-9]{1,16}$/.test(length)) throw malformed('Content-Length is no number')", ''])
const ANY_NUMBER: readonly Edit[] = within(HEAD, ["  'host', 'content-length', 'transfer-encoding',", "  'host',"])
/** The first of several. */
const FIRST_HOST: readonly Edit[] = within(HEAD, ["  'host', 'content-length'", "  'content-length'"],
  ['readAuthority(written, defaultPort)', "readAuthority(written.split(',')[0] ?? '', defaultPort)"])

const READ_TWICE = 'what two readers could understand differently is refused'
const HOST = 'Host must name the host of the tunnel'
const OWES = 'a client that owes its body has two minutes'
const CONNECT_TARGET = 'CONNECT without a port, or to a port that is none of the web, is refused'

export const FRAMING_MUTATIONS: readonly Mutation[] = [
  patches('H1', [...LENIENT, ...ANY_CODING, ...ANY_LENGTH, ...ANY_NUMBER]),
  patches('H1', ANY_CODING, READ_TWICE),
  patches('H1', ANY_LENGTH, READ_TWICE),
  patches('H1', [...ANY_LENGTH, ...ANY_NUMBER], READ_TWICE),
  patches('H2', LENIENT),
  patches('H3', LENIENT),
  patches('H3', [...LENIENT, ...FIRST_HOST], 'a line that is folded first'),
  patches('H4', within('proxy/runtime.ts', ['if (options.some(option =>', 'if (false && options.some(option =>']), 'the runtime is refused where it could not keep a promise'),
  patches('H5', within(HEAD, ['MAX_HEADERS = 200', 'MAX_HEADERS = 20_000']), '201 fields', 'too many fields are refused, none is dropped', 'a flood of header fields costs the stream, not the proxy'),
  patches('H5', within(LIMITS, ['server.maxHeadersCount = 0', 'server.maxHeadersCount = 100']), '200 fields pass, none of them lost'),
  patches('H6', FIRST_HOST, HOST),
  patches('H6', within(HEAD, ["const host = written === undefined ? null : readAuthority(written, defaultPort)", "const host = readAuthority(written || 'content.dropboxapi.com', defaultPort)"]), HOST),
  patches('H7', within(HEAD, ["if (named.host !== host.host || named.port !== host.port) throw new RefusedError('identity.mismatch', 'target and Host differ')", '']), HOST,
    READ_TWICE),
  patches('H7', within('proxy/host-port.ts', ['const match = /^(\\[', 'const match = /^(?:[^@]*@)?(\\[']), HOST, READ_TWICE),
  patches('H7', within('proxy/identity.ts', ['if (host === tunnel.host && port === tunnel.port && tunnel.serverName === tunnel.host) return', 'return']), HOST),
  patches('H8', ANY_CODING, 'chunked in HTTP/1.0'),
  patches('H9', within(CONNECT, ["parseHostPort(request.url ?? '', null)", "parseHostPort(request.url ?? '', 443)"]), CONNECT_TARGET),
  patches('H9', within(CONNECT, ['return named !== null && named.host === target.host ? target : null', 'return target']), CONNECT_TARGET),
  patches('H9.1', within(CONNECT, ['if (declaresContent(request))', 'if (false)']), 'CONNECT with a body is refused, with the length of none it is not'),
  patches('H10', within(PIPELINE, ["    const head = this.passage.readHead(exchange, request, 'stream' in request", "    this.sendContinue(exchange)\n    const head = this.passage.readHead(exchange, request, 'stream' in request"]),
    'who asks before it sends is answered before it sends'),
  patches('H10', within(HEAD, ["if (expect !== undefined && expect.toLowerCase() !== '100-continue')", 'if (false)']), 'an unknown expectation'),
  patches('H11', within(FORWARD, ["'transfer-encoding', 'upgrade', 'http2-settings',", "'transfer-encoding',"])),
  patches('H12', within(PIPELINE, ["    exchange.websocket = true\n    const judged = await this.passage.judge(exchange, head, null)\n    if (exchange.state !== 'reading') return\n    const judgement = this.passage.meter(exchange, asStream(judged))\n    if (judgement.verdict.decision.action === 'block')",
    "    exchange.websocket = true\n    const judged = await this.passage.judge(exchange, head, null)\n    if (exchange.state !== 'reading') return\n    this.passage.meter(exchange, asStream(judged))\n    if (false)"]),
  'a block comes before the upgrade, in the form of the provider'),
  patches('H12', within('proxy/websocket.ts', ['passes = exchange.meter?.take(counter.take(chunk)) ?? true', 'passes = true']), 'what is sent through it is an upload above 16 KiB, and is cut'),
  // As if a connection were decided once.
  patches('H13', within(PASSAGE, ['const judgement = await judgeExchange(this.#parts, this.#reader, exchange, head, body)',
    'const judgement = await ((exchange.arrival.tunnel ?? {}).decided ??= judgeExchange(this.#parts, this.#reader, exchange, head, body))\n    exchange.judgement = judgement']),
  'what follows a body is a request of its own, and is decided as one'),
  patches('H13', within(PIPELINE, ['socket.destroy(error instanceof Error ? error : undefined)\n      return', 'throw error']), 'an upgrade pipelined behind a request that has no answer yet'),
  patches('H13.1', within('proxy/http1-connection.ts', ['if (this.#count >= this.#requests)', 'if (false)']), 'a connection carries so many requests: HTTP/1.1'),
  patches('H13.1', within('proxy/session-requests.ts', ['if (open === 0 && count >= most) timer', 'if (false) timer'], ['if (count === 2 * most)', 'if (false)']), 'a connection carries so many requests: HTTP/2'),
  patches('H14', within('policy/providers/reading.ts', ['return head.unexplainedLimit ?? UNEXPLAINED_LIMIT', 'return 1024 ** 4']), 'a GET with a large body, and a body under a coding'),
  patches('H14', within('proxy/stages/judge.ts', ['recognition = isBodyOdd(head) && module.bodiesUnder?.has(head.method) !== true ? readOddBody(head, read(head), read) : read(head)', 'recognition = read(head)']),
    'an upload in other words is one to a foreign account still'),
  patches('H15', within(HEAD, ['let value: string | undefined\n', 'const known: Readonly<Record<string, string>> = {}\n    let value = known[name]\n']),
  'header names that look like prototypes are only names'),
  patches('H16', within(STALL, ["return idle > bodyStall ? 'request.timeout' : null", 'return null']), OWES, 'a body that stops is given up, and so is an answer'),
  patches('H16', within(STALL, ['const idle = now - exchange.lastActivity', 'const idle = now']), OWES),
]

const BY_NODE = 'Node\'s parser refuses it in its lenient mode too'

/** Tests of these rows that no patch makes fail, and what holds then. */
export const HELD_BY_NODE: Readonly<Record<string, string>> = Object.fromEntries([
  'two lengths that agree', 'two lengths that differ', 'a list of lengths', 'a signed length', 'a negative length', 'the preface of HTTP/2',
].map(name => [name, BY_NODE]))
