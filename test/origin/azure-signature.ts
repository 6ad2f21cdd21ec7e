import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** The storage accounts that the stand-in knows, and the key of both. */
export const AZURE = { accounts: ['contosofiles', 'fabrikamfiles'], key: Buffer.from('FAKE-ACCOUNT-KEY').toString('base64') }

const FIELDS = [
  'content-encoding', 'content-language', 'content-length', 'content-md5', 'content-type', 'date', 'if-modified-since',
  'if-match', 'if-none-match', 'if-unmodified-since', 'range',
]

/**
 * Checks a request's Shared Key (https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key), or
 * that it shows a shared access signature or a token, which are taken as they are.
 */
export function checkSharedKey(exchange: Exchange, account: string): void {
  const header = exchange.header('authorization')
  if (header === undefined && exchange.query.has('sig')) return
  if (header === undefined) throw new Refusal(401, 'NoAuthenticationInformation', 'Server failed to authenticate the request.')
  if (/^Bearer (?!BAD)./.test(header)) return
  const claimed = Buffer.from(/^SharedKey ([^:]+):(.+)$/.exec(header)?.[2] ?? '', 'base64')
  const expected = createHmac('sha256', Buffer.from(AZURE.key, 'base64')).update(stringToSign(exchange, account)).digest()
  if (!header.startsWith(`SharedKey ${account}:`) || claimed.length !== expected.length || !timingSafeEqual(claimed, expected)) {
    throw new Refusal(403, 'AuthenticationFailed', 'Server failed to authenticate the request.')
  }
}

function stringToSign(exchange: Exchange, account: string): string {
  const { record, query } = exchange
  const field = (name: string): string => {
    const value = exchange.header(name) ?? ''
    // Since version 2015-02-21 a length of 0 is signed as an empty string.
    return name === 'content-length' && value === '0' || name === 'date' && exchange.header('x-ms-date') !== undefined ? '' : value
  }
  const canonicalHeaders = Object.keys(record.headers).filter(name => name.startsWith('x-ms-')).sort()
    .map(name => `${name}:${(record.headers[name] ?? '').trim()}`)
  const names = [...new Set([...query.keys()])].sort()
  const resource = [`/${account}${record.path}`, ...names.map(name => `${name.toLowerCase()}:${query.getAll(name).sort().join(',')}`)]
  return [record.method, ...FIELDS.map(field), ...canonicalHeaders, ...resource].join('\n')
}
