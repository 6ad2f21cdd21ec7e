/**
 * Holds three books of a soak against each other: what the clients did, what arrived at the origins, and what Sluice
 * recorded. Which bytes are which: README.md.
 */
import type { Recorded } from '../../e2e/recorded.ts'
import type { StoredFile } from '../../origin/stand-in.ts'
import type { Asked, Entry, File, TurnedAway } from './ledger.ts'
import type { Arrived } from './origin-process.ts'
import { LIMIT } from './policy.ts'

/** An event, as far as the judge reads it. */
export type Event = Recorded & {
  readonly event: { readonly sequence: number }
  readonly source: { readonly bytes: number }
  readonly destination: { readonly bytes: number }
  readonly network: { readonly protocol: string }
}

export interface Books {
  readonly entries: readonly Entry[]
  readonly arrived: readonly Arrived[]
  readonly stored: readonly StoredFile[]
  readonly events: readonly Event[]
  /** Whether a revision blocks what is `flip-`. */
  readonly blocksFlipped: (revision: number) => boolean
}

/** What is wrong, each with what it is about; none: all is well. */
export type Faults = Map<string, string[]>

/** DESIGN.md §1: what may have left of a body before it is cut. */
const CUT_SLACK = 1 << 20

export function judge(books: Books): Faults {
  const faults: Faults = new Map()
  const find = (kind: string, what: string): void => {
    const found = faults.get(kind) ?? []
    found.push(what)
    faults.set(kind, found)
  }
  judgeFiles(books, find)
  judgeRequests(books, find)
  judgeTurnedAway(books, find)
  for (const entry of books.entries) {
    if (entry.is === 'failure') find('a client could not do what it may', `${entry.client} ${entry.act}: ${entry.error}`)
    else if (entry.is === 'tunnelled' && !entry.whole) find('a tunnel was not whole', `${entry.id}: ${entry.error ?? ''}`)
  }
  return faults
}

type Find = (kind: string, what: string) => void

/** By what the origins hold, whatever Sluice says. */
function judgeFiles({ entries, stored, events }: Books, find: Find): void {
  const held = new Map(stored.map(file => [file.name, file]))
  const claims = new Map<string, File>()
  for (const entry of entries) if (entry.is === 'file') claims.set(entry.name, entry)
  const blocked = new Set(events.filter(({ sluice }) => sluice.action === 'block').map(event => event.user_agent.original))
  for (const { name, must, size, sha256, act, id } of claims.values()) {
    const file = held.get(name)
    if (must === 'be' && file === undefined) find('an upload that succeeded is not stored', `${act} ${name}`)
    if (file !== undefined && must === 'not') find('an upload that had to be refused is stored', `${act} ${name}`)
    if (file !== undefined && blocked.has(id)) find('a blocked upload is stored', `${act} ${name}`)
    if (file !== undefined && must !== 'not' && (file.size !== size || file.sha256 !== sha256)) find('a file was changed on its way', `${act} ${name}: ${size} bytes, ${file.size} stored`)
  }
  for (const { name } of stored) if (!claims.has(name)) find('a file is stored that nobody sent', name)
}

/** Each request has one event, and its bytes are nowhere more than where they came from. */
function judgeRequests({ entries, arrived, events, blocksFlipped }: Books, find: Find): void {
  const eventsOf = Map.groupBy(events, event => event.user_agent.original)
  const arrivedOf = Map.groupBy(arrived, ({ id }) => id)
  const known = new Set<string>()
  for (const asked of entries) {
    if (asked.is !== 'asked') continue
    known.add(asked.id)
    const told = eventsOf.get(asked.id) ?? []
    const came = arrivedOf.get(asked.id) ?? []
    const what = `${asked.act} ${asked.id}`
    if (told.length > 1) find('a request has several events', `${what}: ${told.length}`)
    const [event] = told
    if (event === undefined) {
      if (asked.whole || came.length > 0) find('a request has no event', what)
      if (asked.expected === 'passed') find('a request did not succeed', `${what}: ${asked.error ?? ''}`)
      continue
    }
    judgeBytes(asked, event, came, what, find)
    judgeDecision(asked, event, came, what, blocksFlipped, find)
  }
  for (const id of eventsOf.keys()) if (id !== '' && !known.has(id)) find('an event is of a request that nobody sent', id)
  for (const [id, [first]] of arrivedOf) if (!known.has(id)) find('a request arrived that nobody sent', `${id} ${first?.method ?? ''} ${first?.host ?? ''}${first?.path ?? ''}`)
}

function judgeBytes(asked: Asked, event: Event, came: readonly Arrived[], what: string, find: Find): void {
  const arrived = came.reduce((sum, { bytes }) => sum + bytes, 0)
  const { source: { bytes: up }, destination: { bytes: down } } = event
  const sums = `${asked.up} sent, ${up} recorded, ${arrived} arrived`
  // The stand-in does not count what is in WebSocket frames; it sends all of it back.
  const isSocket = asked.protocol === 'websocket'
  if (up > asked.up || !isSocket && arrived > up) find('bytes came from nowhere', `${what}: ${sums}`)
  if (asked.down > down) find('bytes came from nowhere', `${what}: ${down} recorded, ${asked.down} received`)
  const isOrigins = event.sluice.action !== 'block'
  if (!asked.whole || !isOrigins) return
  if (up !== asked.up || !isSocket && arrived !== up) find('bytes are missing', `${what}: ${sums}`)
  if (asked.down !== down) find('bytes are missing', `${what}: ${down} recorded, ${asked.down} received`)
}

function judgeDecision(
  asked: Asked, event: Event, came: readonly Arrived[], what: string, blocksFlipped: (revision: number) => boolean, find: Find,
): void {
  const { expected, status, whole } = asked
  const isBlocked = event.sluice.action === 'block'
  const wrong = (why: string): void => {
    find('a wrong decision', `${what}: ${why}; ${status ?? 'no answer'} ${event.sluice.reasons.join(' ')} ${asked.error ?? ''}`)
  }
  const nothingLeft = came.length === 0 && event.source.bytes === 0
  const reach = Math.max(event.source.bytes, ...came.map(({ bytes }) => bytes))
  if (expected === 'passed' && isBlocked) wrong('blocked')
  if (expected === 'passed' && !isBlocked && !whole) find('a request did not succeed', `${what}: ${status ?? 'no answer'} ${event.sluice.reasons.join(' ')} ${asked.error ?? ''}`)
  if ((expected === 'blocked' || expected === 'cut') && !isBlocked) wrong('not blocked')
  if ((expected === 'blocked' || expected === 'refused') && !nothingLeft) wrong(`${reach} bytes left`)
  if (expected === 'cut' && (!event.sluice.cut || reach > LIMIT + CUT_SLACK)) wrong(`cut after ${reach} bytes`)
  if (expected === 'refused' && !isBlocked) wrong('not refused')
  if (expected !== 'either') return
  if (isBlocked !== blocksFlipped(event.sluice.revision)) wrong(`revision ${event.sluice.revision}`)
  if (isBlocked && !nothingLeft) wrong(`${reach} bytes left`)
}

/** Refused tunnels tell no id: they are counted. */
function judgeTurnedAway({ entries, events }: Books, find: Find): void {
  const away = entries.filter((entry): entry is TurnedAway => entry.is === 'turned-away')
  const told = events.filter(({ network, sluice }) => network.protocol === 'tunnel' && sluice.action === 'block')
  for (const reason of new Set([...away.map(entry => entry.reason), ...told.flatMap(({ sluice }) => sluice.reasons)])) {
    const of = away.filter(entry => entry.reason === reason)
    const seen = of.filter(entry => entry.seen).length
    const count = told.filter(({ sluice }) => sluice.reasons.some(each => each === reason)).length
    if (count < seen || count > of.length) find('refused tunnels and their events differ', `${reason}: ${seen} to ${of.length} refused, ${count} events`)
  }
}
