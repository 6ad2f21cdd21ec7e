import type { Exchange } from './exchange.ts'
import type { RequestRecord } from './record.ts'

/** Pages that upload to other hosts of their provider. */
const PAGE = /^https:\/\/(?:www\.dropbox\.com|drive\.google\.com|onedrive\.live\.com|contoso\.sharepoint\.com)$/

/** What lets such a page read an answer; nothing for others, and for a page of the same host. */
export function corsHeaders({ headers, host }: RequestRecord): Readonly<Record<string, string>> {
  const { origin } = headers
  if (origin === undefined || !PAGE.test(origin) || origin === `https://${host}`) return {}
  return {
    'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'origin',
    'access-control-expose-headers': 'location, range, x-guploader-uploadid',
  }
}

/** Answers the preflight of such a page. False: it is none. */
export async function answerPreflight(exchange: Exchange): Promise<boolean> {
  const method = exchange.header('access-control-request-method')
  if (exchange.record.method !== 'OPTIONS' || method === undefined) return false
  if (corsHeaders(exchange.record)['access-control-allow-origin'] === undefined) return false
  await exchange.empty(204, {
    'access-control-allow-methods': method, 'access-control-allow-headers': exchange.header('access-control-request-headers') ?? '',
    'access-control-max-age': '0',
  })
  return true
}
