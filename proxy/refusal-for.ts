/** The answer to a request that is refused, from what is known of it. */
import type { Catalogue } from '../policy/providers/index.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { composeRefusal } from './refusal.ts'
import type { Answer, RefusalText } from './refusal.ts'

export function refusalFor(exchange: Exchange, code: RefusalCode, catalogue: Catalogue, text: RefusalText): Answer {
  const decision = exchange.judgement?.verdict.decision
  const isDecision = code === 'policy.blocked'
  return composeRefusal(
    {
      code,
      message: isDecision ? decision?.message : undefined,
      ruleId: isDecision ? (decision?.ruleId ?? null) : null,
      eventId: exchange.id,
      account: exchange.head === null ? null : (catalogue.find(exchange.head.host, exchange.head.path)?.module.account ?? null),
      method: exchange.request.method ?? '',
      headers: exchange.head?.headers ?? null,
      isProviderOrigin: (origin) => catalogue.find(URL.parse(origin)?.hostname ?? '') !== undefined,
      now: new Date(),
    },
    text,
  )
}
