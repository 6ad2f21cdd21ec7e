import type { Exchange } from '../exchange.ts'

/** Whether the meter lets so many bytes of content pass, and the end of the body where this is it: judged before any of them leaves. */
export function meterPasses(exchange: Exchange & { isSent: boolean }, content: number, isEnd: boolean): boolean {
  const { meter } = exchange
  if (meter === null) return false
  let passes = content === 0 || meter.take(content)
  if (passes && isEnd) {
    exchange.bodyEnded = true
    passes = meter.end()
    exchange.isSent = passes
  }
  exchange.judgement = meter.judgement
  return passes
}
