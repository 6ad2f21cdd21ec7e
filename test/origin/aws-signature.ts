import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Exchange } from './exchange.ts'
import { Refusal } from './refusal.ts'

/** The one access key that the stand-in knows. */
export const AWS_KEY = { id: 'AKIAFAKEFAKEFAKEFAKE', secret: 'FAKE-SECRET-KEY' }

interface Claim {
  readonly keyId: string
  /** `date/region/service/aws4_request`. */
  readonly scope: string
  readonly date: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly payload: string
}

/**
 * Checks a request's Signature Version 4, in `Authorization` or presigned
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Its age is not checked.
 */
export function checkSignature(exchange: Exchange): void {
  const claim = claimOf(exchange)
  if (claim === null) throw new Refusal(403, 'AccessDenied', 'Access Denied')
  if (claim.keyId !== AWS_KEY.id) {
    throw new Refusal(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')
  }
  const { method, path } = exchange.record
  const fields = claim.signedHeaders.map(name => `${name}:${headerOf(exchange, name).trim().replace(/ +/g, ' ')}\n`).join('')
  const canonical = [method, path, canonicalQuery(exchange.query), fields, claim.signedHeaders.join(';'), claim.payload].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', claim.date, claim.scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const key = claim.scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${AWS_KEY.secret}`)
  const [expected, given] = [hmac(key, toSign), Buffer.from(claim.signature, 'hex')]
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new Refusal(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.')
  }
}

function claimOf(exchange: Exchange): Claim | null {
  const { query } = exchange
  const header = exchange.header('authorization')
  if (header !== undefined) {
    const parsed = /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(header)
    if (parsed === null) throw new Refusal(400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed.')
    const [, keyId = '', scope = '', signedHeaders = '', signature = ''] = parsed
    return {
      keyId, scope, signature, signedHeaders: signedHeaders.split(';'),
      date: exchange.header('x-amz-date') ?? '', payload: exchange.header('x-amz-content-sha256') ?? '',
    }
  }
  const credential = query.get('X-Amz-Credential')
  if (credential === null) return null
  const slash = credential.indexOf('/')
  return {
    keyId: credential.slice(0, slash), scope: credential.slice(slash + 1), date: query.get('X-Amz-Date') ?? '',
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'), signature: query.get('X-Amz-Signature') ?? '',
    payload: exchange.header('x-amz-content-sha256') ?? query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
  }
}

function headerOf(exchange: Exchange, name: string): string {
  return exchange.header(name) ?? (name === 'host' ? exchange.record.host : '')
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query].filter(([name]) => name !== 'X-Amz-Signature').map(([name, value]) => `${encode(name)}=${encode(value)}`).sort().join('&')
}

/** RFC 3986: all but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
