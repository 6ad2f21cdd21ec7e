/** Judges the request of an exchange, and asks the store first where its upload session is not known here. */
import type { Client, ClientClass, Reason } from '../policy/operation.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import type { Sessions } from '../policy/sessions.ts'
import type { Exchange } from './exchange.ts'
import type { Head } from './head.ts'
import type { SessionLearner } from './learn-session.ts'
import { judge } from './stages/judge.ts'
import type { Body, JudgeSettings, Judgement, View } from './stages/judge.ts'
import { sessionKey } from './stages/session.ts'

export interface JudgeParts {
  readonly catalogue: Catalogue
  readonly view: () => View
  readonly settings: JudgeSettings
  readonly classify: (userAgent: string) => ClientClass
  readonly sessions: Pick<Sessions, 'isFresh' | 'load' | 'knows'>
}

/** Sets the exchange's judgement. What waits here waits for the store, and for that a bounded time only. */
export async function judgeExchange(
  parts: JudgeParts, learner: Pick<SessionLearner, 'settled'>, exchange: Exchange, head: Head, body: Body | null,
): Promise<Judgement> {
  const first = judgeNow(parts, exchange, head, body, [], false)
  const operation = first.recognition?.operation
  const key = operation?.activity === 'upload' ? sessionKey(operation) : null
  if (operation === undefined || key === null) return first
  // The answer that opened the session may have reached its client before it was read here.
  const isLate = await learner.settled(first.module) === true
  const lookup = parts.sessions.isFresh(key, operation.step) ? 'known' : await parts.sessions.load(key)
  if (lookup !== 'failed' && !(isLate && lookup === 'none')) return judgeNow(parts, exchange, head, body, [], false)
  // A start has nothing before it, and of a session that memory knows this node's own count goes on.
  return judgeNow(parts, exchange, head, body, ['session-unknown'], operation.step !== 'start' && !parts.sessions.knows(key))
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
