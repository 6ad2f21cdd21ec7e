/** Judges the request of an exchange, and first asks whoever may know what memory does not: the store, the provider. */
import type { ClientClass, Reason } from '../policy/operation.ts'
import { clientOf, groupReasons, NOBODY } from '../policy/people/person.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { ProviderModule } from '../policy/providers/provider.ts'
import type { Sessions } from '../policy/sessions.ts'
import type { Exchange } from './exchange.ts'
import type { Head } from './head.ts'
import type { People } from './people/people.ts'
import type { RestrictionHeaders } from '../policy/restrictions.ts'
import type { AnswerReader } from './read-answer.ts'
import { clientRestrictions } from './restrict-headers.ts'
import { judge } from './stages/judge.ts'
import type { Body, Circumstances, JudgeSettings, Judgement, View } from './stages/judge.ts'
import { sessionKey } from './stages/session.ts'

/** Finds out more of what an attribution hangs on. */
export interface TenantSources {
  /**
   * Null where memory holds all that can be had of it. Else resolves when the store, the key sets and, where that is
   * configured, the provider have answered, or have taken too long; `failed`: the store did not answer.
   */
  settle(judgement: Judgement): Promise<'settled' | 'failed'> | null
}

export interface JudgeParts {
  readonly catalogue: Catalogue
  readonly view: () => View
  readonly settings: JudgeSettings
  readonly classify: (userAgent: string) => ClientClass
  readonly sessions: Pick<Sessions, 'isFresh' | 'load' | 'knows'>
  readonly tenants: TenantSources
  readonly people: People
  /** What requests carry by the allowlist of the moment. */
  readonly restrictions: () => RestrictionHeaders
}

/** Sets the exchange's judgement. What waits here waits for a bounded time only. */
export async function judgeExchange(
  parts: JudgeParts, reader: Pick<AnswerReader, 'settled'>, exchange: Exchange, head: Head, body: Body | null,
): Promise<Judgement> {
  const module = parts.catalogue.find(head.host, head.path)?.module ?? null
  const asked = askPerson(parts, exchange, module)
  if (asked !== null) await asked
  exchange.person ??= parts.people.find(exchange.arrival.peer.ip, exchange.user)
  // Of groups that no rule asks for nothing is missing.
  const people = parts.view().policy.needs.group ? groupReasons(exchange.person) : []
  const first = judgeNow(parts, exchange, head, module, body, { extra: people })
  const operation = first.recognition?.operation
  if (operation === undefined) return first
  const session = askSession(parts, reader, first)
  const tenants = askTenants(parts, reader, first)
  if (session === null && tenants === null) return first
  const [found, settled] = await Promise.all([session, tenants])
  const extra: Reason[] = settled === 'failed' ? [...people, 'binding-unavailable'] : people
  if (found !== 'failed') return judgeNow(parts, exchange, head, module, body, { extra })
  // A start has nothing before it, and of a session that memory knows this node's own count goes on.
  const key = sessionKey(first.module, operation, head.host)
  const isLost = operation.step !== 'start' && key !== null && !parts.sessions.knows(key)
  return judgeNow(parts, exchange, head, module, body, { extra: [...extra, 'session-unknown'], sessionLost: isLost })
}

/**
 * Null where nothing need be waited for. The directory service is asked of whoever comes to cloud storage, and waited for only
 * where a rule asks for groups: elsewhere its answer is for the record alone.
 */
function askPerson(parts: JudgeParts, { person, arrival, user }: Exchange, module: ProviderModule | null): Promise<void> | null {
  if (person !== null || module === null) return null
  const asked = parts.people.ask(arrival.peer.ip, user)
  return parts.view().policy.needs.group ? asked : null
}

/** Null where the request is no part of a session. */
function askSession(parts: JudgeParts, reader: Pick<AnswerReader, 'settled'>, { module, recognition, head }: Judgement): Promise<'found' | 'failed'> | null {
  const operation = recognition?.operation
  const key = operation?.activity === 'upload' ? sessionKey(module, operation, head.host) : null
  if (operation === undefined || key === null) return null
  return (async () => {
    // The answer that opened the session may have reached its client before it was read here.
    const isLate = await reader.settled(module) === true
    const lookup = parts.sessions.isFresh(key, operation.step) ? 'known' : await parts.sessions.load(key)
    return lookup === 'failed' || (isLate && lookup === 'none') ? 'failed' : 'found'
  })()
}

/** Null where memory holds all that can be had. An answer that tells more may have reached its client before it was read here. */
function askTenants(parts: JudgeParts, reader: Pick<AnswerReader, 'settled'>, first: Judgement): Promise<'settled' | 'failed'> | null {
  const reading = first.attribution?.trust === 'sure' ? null : reader.settled(first.module)
  return reading === null ? parts.tenants.settle(first) : reading.then(() => parts.tenants.settle(first) ?? 'settled')
}

function judgeNow(
  parts: JudgeParts, exchange: Exchange, head: Head, module: ProviderModule | null, body: Body | null, known: Circumstances,
): Judgement {
  const from = performance.now()
  const userAgent = head.headers.get('user-agent') ?? ''
  const client = clientOf(exchange.person ?? NOBODY, { ip: exchange.arrival.peer.ip, userAgent, class: parts.classify(userAgent) })
  const view = parts.view()
  const isRestrictedByClient = clientRestrictions(head, parts.restrictions(), view.tenants) === 'other'
  const judgement = judge(view, module, head, client, body, parts.settings, { ...known, isRestrictedByClient })
  exchange.judgement = judgement
  exchange.decisionMs += performance.now() - from
  return judgement
}
