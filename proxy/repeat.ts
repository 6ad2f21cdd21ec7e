/** Whether a request that failed on a kept connection, which its origin closed just then, may be made once more. */
import type { Exchange } from './exchange.ts'

/** RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PROPFIND'])

/** `isReused`: the connection had carried another request before. */
export function mayRepeat({ state, retried, meter, bodyEnded, asked }: Exchange, isReused: boolean): boolean {
  if (state !== 'forwarding' || !isReused || retried) return false
  // Of a body that began to leave, the beginning is not there any more.
  if ((meter?.forwarded ?? 0) > 0) return false
  // RFC 9110 §9.2.2: what the origin may have carried out already is not sent again.
  return !bodyEnded || IDEMPOTENT.has(asked.method)
}
