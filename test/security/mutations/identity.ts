/** Rows S1 and S2: who a tunnel and each request within it is for. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const CONNECT = 'proxy/connect.ts'
const IDENTITY = 'proxy/identity.ts'
const PASSAGE = 'proxy/passage.ts'
const AGREES = '  if (host === tunnel.host && port === tunnel.port && tunnel.serverName === tunnel.host) return\n'

const sniAgrees = { file: CONNECT, find: '  if (!opaque && name.host !== target.host) {', replace: '  if (false) {' }
const opaqueIsRefused = { file: CONNECT, find: "  if (opaque && parts.opaque === 'block') {", replace: '  if (false) {' }

export const IDENTITY_MUTATIONS: readonly Mutation[] = [
  patch('S1.1', IDENTITY, AGREES, '  return\n', 'CONNECT to one catalogue host with the SNI of another serves neither', 'domain fronting, both ways round'),
  { id: 'S1.1', edits: [sniAgrees], expect: ['CONNECT for one name and SNI for another is refused, also where neither is in the catalogue'] },
  {
    id: 'S1.2', edits: [{ file: CONNECT, find: '  if (isOpened) {\n', replace: '  if (false) {\n' }, opaqueIsRefused],
    expect: ['without a server name, a catalogue host is refused with an alert, a metric and an event'],
  },
  patch('S1.3', IDENTITY, AGREES, '  return\n', 'HTTP/2: another :authority is misdirected, and the connection goes on serving its own host'),
  patch('S1.4', PASSAGE, 'const judgement = await judgeExchange(this.#parts, this.#reader, exchange, head, body)',
    'const per: any = exchange.arrival.tunnel ?? exchange\n    const judgement = per.judged ??= await judgeExchange(this.#parts, this.#reader, exchange, head, body)',
    'every request of a connection is decided anew, by the policy of that moment'),
  patch('S1.4', PASSAGE, '    if (arrival.tunnel !== null) checkAgreement(head, arrival.tunnel)\n',
    '    const per: any = arrival.tunnel\n    if (per !== null) per.agreed ??= checkAgreement(head, per) ?? true\n',
    'a later request on the same connection is held to the same host'),
  {
    id: 'S2.1',
    edits: [
      { file: CONNECT, find: "    if (isOpened && first.is === 'not-tls') {", replace: '    if (false) {' },
      { file: CONNECT, find: "    } else if (isOpened || parts.opaque === 'block' || first.is === 'malformed') {", replace: '    } else if (false) {' },
    ],
    expect: ['what cannot be told elsewhere follows intercept.opaque', 'plain HTTP, SSH and garbage to a catalogue host'],
  },
  patch('S2.2', CONNECT, "if (reading.is === 'more') continue", '', 'a ClientHello in many packets is read whole'),
  patch('S2.2', 'proxy/client-hello.ts', 'if (!this.add(part)) return', 'if (!this.add(part) || (this.recordLeft === 0 && this.have < this.want)) return',
    'a ClientHello in many TLS records is read whole'),
  {
    id: 'S2.3', edits: [{ file: CONNECT, find: 'const hidden = hello.ech && name?.host !== target.host', replace: 'const hidden = false' }, sniAgrees],
    expect: ['an encrypted ClientHello is judged by its outer name, and refused where that is not the name of the tunnel'],
  },
  patch('S2.4', 'proxy/forward-headers.ts', " || lower === 'alt-svc') return false", ') return false', 'responses', 'plain HTTP, and the header fields of answers'),
  {
    id: 'S2.5',
    edits: [
      { file: CONNECT, find: "  if (parts.intercepts(target.host) === 'pinned') {", replace: '  if (false) {' },
      { file: CONNECT, find: "  if (name !== null && nameRole === 'pinned') {", replace: '  if (false) {' },
    ],
    expect: ['hosts of programs that accept no other authority follow intercept.pinned'],
  },
  patch('S1.5', IDENTITY, AGREES, '  return\n', 'forged Host and :authority store nothing, over HTTP/1.1 and HTTP/2'),
  patch('S1.5', 'proxy/pass-blind.ts', 'const reach = unopened ? null : parts.reach', 'const reach = true ? null : parts.reach',
    'intercept.front splice: it passes unread and is counted as a tunnel, unless a rule ends it',
    'intercept.front block: names at the address of a storage host are refused', 'intercept.front intercept: they are opened, and held to their own name'),
]
