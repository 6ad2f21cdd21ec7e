import type { Exchange } from './exchange.ts'
import type { StandInOptions } from './stand-in.ts'

export type Credentials = 'shown' | 'missing' | 'bad'

/**
 * What a request shows in `Authorization`. No token is verified, but one that begins with `BAD` is refused, so that
 * tests can show bad ones; of Basic credentials that is the password.
 */
export function credentials(exchange: Exchange): Credentials {
  const [scheme = '', value = ''] = (exchange.header('authorization') ?? '').split(' ', 2)
  if (value === '') return 'missing'
  const secret = scheme.toLowerCase() === 'basic' ? passwordOf(value) : value
  return secret.startsWith('BAD') ? 'bad' : 'shown'
}

function passwordOf(basic: string): string {
  const pair = Buffer.from(basic, 'base64').toString('utf8')
  return pair.slice(pair.indexOf(':') + 1)
}

/** Whether a request is to be refused: it shows bad credentials, or none where some are required. */
export function lacksCredentials(exchange: Exchange, options: StandInOptions): boolean {
  const shown = credentials(exchange)
  return shown === 'bad' || shown === 'missing' && options.requireCredentials === true
}
