import { isIP } from 'node:net'
import { SluiceError } from '../errors.ts'

/** Where a Redis server is and who we are there. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly db: number
  readonly tls: boolean
  readonly username?: string
  readonly password?: string
  /** The address without credentials, for messages. */
  readonly shown: string
}

const FORM = 'Write redis://[user[:password]@]host[:port][/database], or rediss:// for TLS.'

/**
 * Reads `redis://user:password@host:port/db`. `password` (from a file, say) replaces the URL's.
 * Throws `store.invalid-url`; no message repeats the URL, which may hold the password.
 */
export function parseRedisUrl(url: string, password?: string): RedisAddress {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || parsed.hostname === '') throw invalid('The Redis URL cannot be read.')
  const tls = parsed.protocol === 'rediss:'
  if (!tls && parsed.protocol !== 'redis:') throw invalid('A Redis URL starts with redis:// or rediss://.')
  if (parsed.search !== '' || parsed.hash !== '') throw invalid('The Redis URL has a query or fragment; neither means anything here.')
  const path = parsed.pathname === '/' ? '' : parsed.pathname
  const db = path === '' ? 0 : /^\/\d{1,3}$/.test(path) ? Number(path.slice(1)) : null
  if (db === null) throw invalid('The database in the Redis URL is not a number.')
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  const port = parsed.port === '' ? 6379 : Number(parsed.port)
  const secret = password ?? decoded(parsed.password)
  const username = decoded(parsed.username)
  return {
    host, port, db, tls,
    ...(username === '' ? {} : { username }),
    ...(secret === '' ? {} : { password: secret }),
    shown: `${parsed.protocol}//${isIP(host) === 6 ? `[${host}]` : host}:${port}${db === 0 ? '' : `/${db}`}`,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) throw invalid('The user or password in the Redis URL is not percent-encoded properly.')
    throw error
  }
}

function invalid(message: string): SluiceError {
  return new SluiceError('store.invalid-url', message, FORM)
}
