/** The answer to a request that is refused, from what is known of it. */
import type { Catalogue } from '../policy/providers/index.ts'
import { CertificateRefusal } from './certificate-fault.ts'
import { UnauthenticatedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { composeRefusal } from './refusal.ts'
import type { Answer, RefusalText } from './refusal.ts'

export function refusalFor(exchange: Exchange, code: RefusalCode, catalogue: Catalogue, text: RefusalText, askAt?: string): Answer {
  const decision = exchange.judgement?.verdict.decision
  const isDecision = code === 'policy.blocked'
  const { head, failure } = exchange
  const module = head === null ? undefined : catalogue.find(head.host, head.path)?.module
  return composeRefusal(
    {
      code,
      message: isDecision ? decision?.message : failure instanceof CertificateRefusal ? failure.told : undefined,
      ruleId: isDecision ? (decision?.ruleId ?? null) : null,
      eventId: exchange.id,
      form: module?.errorForm ?? module?.account ?? null,
      host: head?.host ?? '',
      path: head?.path ?? '',
      method: exchange.asked.method,
      headers: head?.headers ?? null,
      ...(askAt === undefined ? {} : { askAt }),
      ...(failure instanceof UnauthenticatedError ? { challenge: failure.challenge } : {}),
      isProviderOrigin: (origin) => catalogue.find(URL.parse(origin)?.hostname ?? '') !== undefined,
      now: new Date(),
    },
    text,
  )
}
