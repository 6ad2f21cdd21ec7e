/** Judges the request of an exchange, and first asks whoever may know what memory does not: the store, the provider. */
import type { Client, ClientClass, Reason } from '../policy/operation.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { Sessions } from '../policy/sessions.ts'
import type { Exchange } from './exchange.ts'
import type { Head } from './head.ts'
import type { SessionLearner } from './learn-session.ts'
import { judge } from './stages/judge.ts'
import type { Body, JudgeSettings, Judgement, View } from './stages/judge.ts'
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
}

/** Sets the exchange's judgement. What waits here waits for a bounded time only. */
export async function judgeExchange(
  parts: JudgeParts, learner: Pick<SessionLearner, 'settled'>, exchange: Exchange, head: Head, body: Body | null,
): Promise<Judgement> {
  const first = judgeNow(parts, exchange, head, body, [], false)
  const operation = first.recognition?.operation
  if (operation === undefined) return first
  const session = askSession(parts, learner, first)
  const tenants = parts.tenants.settle(first)
  if (session === null && tenants === null) return first
  const [found, settled] = await Promise.all([session, tenants])
  const extra: Reason[] = settled === 'failed' ? ['binding-unavailable'] : []
  if (found !== 'failed') return judgeNow(parts, exchange, head, body, extra, false)
  // A start has nothing before it, and of a session that memory knows this node's own count goes on.
  const key = sessionKey(first.module, operation, head.host)
  const isLost = operation.step !== 'start' && key !== null && !parts.sessions.knows(key)
  return judgeNow(parts, exchange, head, body, [...extra, 'session-unknown'], isLost)
}

/** Null where the request is no part of a session. */
function askSession(parts: JudgeParts, learner: Pick<SessionLearner, 'settled'>, { module, recognition, head }: Judgement): Promise<'found' | 'failed'> | null {
  const operation = recognition?.operation
  const key = operation?.activity === 'upload' ? sessionKey(module, operation, head.host) : null
  if (operation === undefined || key === null) return null
  return (async () => {
    // The answer that opened the session may have reached its client before it was read here.
    const isLate = await learner.settled(module) === true
    const lookup = parts.sessions.isFresh(key, operation.step) ? 'known' : await parts.sessions.load(key)
    return lookup === 'failed' || (isLate && lookup === 'none') ? 'failed' : 'found'
  })()
}

function judgeNow(parts: JudgeParts, exchange: Exchange, head: Head, body: Body | null, extra: readonly Reason[], lost: boolean): Judgement {
  const from = performance.now()
  const found = parts.catalogue.find(head.host, head.path)
  const userAgent = head.headers.get('user-agent') ?? ''
  const client: Client = { ip: exchange.arrival.peer.ip, userAgent, class: parts.classify(userAgent) }
  const judgement = judge(parts.view(), found?.module ?? null, head, client, body, parts.settings, extra, lost)
  exchange.judgement = judgement
  exchange.decisionMs += performance.now() - from
  return judgement
}
