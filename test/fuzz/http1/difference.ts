/** Where two readers of one connection's bytes understand it in two ways. */
import { mayTrailRequest, requestHeaders } from '../../../proxy/forward-headers.ts'
import { composeRequestHead } from '../../../proxy/relay/forward-head.ts'
import type { NodeReading, NodeSide } from './node-side.ts'
import type { RelayReading, RelayRequest } from './relay-side.ts'
import type { Taken } from './taken.ts'

/**
 * The first difference; null where there is none. The relay may refuse what Node takes, and close where a client has said so; all
 * that it takes Node has to take too, as the same requests with the same bodies.
 */
export function difference(relay: RelayReading, node: NodeReading): string | null {
  for (const [i, mine] of relay.requests.entries()) {
    const theirs = node.requests[i]
    const isLast = i === relay.requests.length - 1
    if (theirs === undefined) return `request ${i + 1} is one for the relay only (Node: ${node.end} ${node.code})`
    for (const part of ['method', 'url'] as const) if (mine[part] !== theirs[part]) return `request ${i + 1}: ${part} is ${mine[part]}, and ${theirs[part]} for Node`
    if (!isSameList(mine.rawHeaders, theirs.rawHeaders)) return `request ${i + 1}: the fields are ${JSON.stringify(mine.rawHeaders)}, and ${JSON.stringify(theirs.rawHeaders)} for Node`
    // Of a body that breaks, one may have seen more before it says so.
    if (isLast && relay.end === 'refused' && !mine.isComplete) return null
    if (mine.isComplete !== theirs.isComplete) return `request ${i + 1}: ${mine.isComplete ? 'complete' : 'not complete'}, and the other way round for Node (${node.end} ${node.code})`
    if (!mine.body.equals(theirs.body)) return `request ${i + 1}: the body is ${JSON.stringify(mine.body.toString('latin1'))}, and ${JSON.stringify(theirs.body.toString('latin1'))} for Node`
    const odd = theirs.trailers.find(name => !mayTrailRequest(name))
    if (odd !== undefined) return `request ${i + 1}: Node reads ${odd} behind its content`
    // Node drops what comes in one piece with an upgrade that it declines.
    if (mine.head.headers.get('upgrade') !== undefined) return null
  }
  if (relay.end === 'more' && node.requests.length > relay.requests.length) return 'Node has another request, for which the relay waits'
  if (relay.end === 'more' && node.end === 'handed-on') return 'Node leaves HTTP where the relay goes on'
  return null
}

/** Whether two readings of the relay's are one: whatever the cut, it says the same. */
export function sameReading(one: RelayReading, other: RelayReading): boolean {
  // How far a body is passed on before it breaks depends on what comes at once.
  const ofBroken = (request: Taken, end: string): boolean => end === 'refused' && !request.isComplete
  return one.end === other.end && one.requests.length === other.requests.length && one.requests.every((request, i) => {
    const second = other.requests[i]
    return second !== undefined && request.method === second.method && request.url === second.url && isSameList(request.rawHeaders, second.rawHeaders)
      && request.isComplete === second.isComplete && (request.body.equals(second.body) || ofBroken(request, one.end))
  })
}

/** What leaves for the origin by the bytes is read there as what the pipeline engine would send; null where it is. */
export function leavesOtherwise({ came, head, method }: RelayRequest, node: NodeSide): string | null {
  const composed = composeRequestHead(came, head, RESTRICTIONS, VIA)
  const { requests: [read], end } = node.read([composed])
  if (read === undefined || end === 'refused') return `Node reads no request in the head that leaves: ${JSON.stringify(composed.toString('latin1'))}`
  const expected = plain(requestHeaders(came.rawHeaders, head, RESTRICTIONS, VIA))
  const got = plain(read.rawHeaders)
  if (!isSameList(expected, got)) return `the fields that leave are ${JSON.stringify(got)}, and ${JSON.stringify(expected)} of the pipeline`
  return read.method === method && read.url === head.target.full ? null : `what leaves is ${read.method} ${read.url}`
}

const RESTRICTIONS = [['Sec-Restrict-Tenant-Access-Policy', 'restrict-msa']] as const
const VIA = '1.1 sluice-x'

/** In alphabetical order, those of a name in theirs; the cookies' lines as one; a coding in lower case, as it is the same in any. */
function plain(flat: readonly string[]): string[] {
  const fields = new Map<string, string[]>()
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase()
    const value = flat[i + 1] ?? ''
    fields.set(name, [...fields.get(name) ?? [], name === 'transfer-encoding' ? value.toLowerCase() : value])
  }
  return [...fields].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, values]) => `${name}: ${values.join(name === 'cookie' ? '; ' : ' | ')}`)
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i])
}
