import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { ACCOUNTS } from './accounts.ts'
import type { Account } from './accounts.ts'
import { parseObject, text } from './json.ts'
import type { JsonObject } from './json.ts'

/** Seconds that a signed token is good for. */
export const SIGNED_SECONDS = 3600

export type Issuer = 'google' | 'microsoft'

interface SigningKey { readonly id: string; readonly secret: KeyObject; readonly jwk: JsonObject }

const keys = new Map<Issuer, SigningKey>()

/** Made once a process and only when needed: an RSA key costs a tenth of a second. */
function keyOf(issuer: Issuer): SigningKey {
  const kept = keys.get(issuer)
  if (kept !== undefined) return kept
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { kty, n, e } = createPublicKey(privateKey).export({ format: 'jwk' })
  const id = `FAKE-${createHash('sha256').update(String(n)).digest('base64url').slice(0, 16)}`
  const made = { id, secret: privateKey, jwk: { kty, n, e, kid: id, use: 'sig', alg: 'RS256' } }
  keys.set(issuer, made)
  return made
}

/** The JSON Web Key Set (RFC 7517 §5) that verifies what the issuer signs. */
export function keySet(issuer: Issuer): JsonObject {
  return { keys: [keyOf(issuer).jwk] }
}

/**
 * A JWT with an RS256 signature (RFC 7519, RFC 7518 §3.3). With a `nonce` in its header it is as Microsoft makes tokens for
 * Graph: the signature is over a header in which the nonce's SHA-256 stands, so that nobody else can verify it.
 */
export function signed(issuer: Issuer, claims: JsonObject, nonce?: string): string {
  const key = keyOf(issuer)
  const head = (value?: string): string =>
    part({ typ: 'JWT', ...(value === undefined ? {} : { nonce: value }), alg: 'RS256', kid: key.id })
  const body = part(claims)
  const signature = sign('sha256', Buffer.from(`${head(nonce === undefined ? nonce : sha256(nonce))}.${body}`), key.secret)
  return `${head(nonce)}.${body}.${signature.toString('base64url')}`
}

/** The claims of a token that the issuer has signed and that has not expired; undefined for every other. */
export function verified(issuer: Issuer, token: string): JsonObject | undefined {
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  if (more.length > 0) return undefined
  const key = keyOf(issuer)
  const header = readPart(head)
  if (header.kid !== key.id) return undefined
  const nonce = text(header, 'nonce')
  const over = nonce === undefined ? head : part({ ...header, nonce: sha256(nonce) })
  if (!verify('sha256', Buffer.from(`${over}.${body}`), createPublicKey(key.secret), Buffer.from(signature, 'base64url'))) return undefined
  const claims = readPart(body)
  return typeof claims.exp === 'number' && claims.exp * 1000 > Date.now() ? claims : undefined
}

/** Google's OpenID Connect token: `hd` is there for organisations' accounts only. */
export function googleIdToken({ google, organisation, person }: Account): string {
  return signed('google', {
    iss: 'https://accounts.google.com', azp: 'fake.apps.googleusercontent.com', aud: 'fake.apps.googleusercontent.com', sub: google.id,
    ...(organisation === null ? {} : { hd: organisation.domain }), email: google.email, email_verified: true, name: person, ...times(),
  })
}

/** Microsoft's OpenID Connect token, version 2.0. */
export function microsoftIdToken(account: Account, directory: Account = account): string {
  const tid = directory.microsoft.directory
  return signed('microsoft', {
    aud: 'fake', iss: `https://login.microsoftonline.com/${tid}/v2.0`, tid, oid: account.microsoft.object, sub: 'FAKE',
    name: account.person, preferred_username: userName(account, directory), ver: '2.0', ...times(),
  })
}

export interface MicrosoftTokenOptions {
  /** Whose directory the token is of: where it is not the person's own, they are a guest there. */
  readonly directory?: Account
  /** Default Graph. */
  readonly audience?: string
  readonly nonce?: boolean
}

/**
 * An access token of a person of an organisation, as https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 * has it.
 */
export function microsoftToken(account: Account, options: MicrosoftTokenOptions = {}): string {
  const { directory = account, audience = 'https://graph.microsoft.com', nonce = false } = options
  const tid = directory.microsoft.directory
  const claims = {
    aud: audience, iss: `https://sts.windows.net/${tid}/`, tid, oid: account.microsoft.object, upn: userName(account, directory),
    name: account.person, appid: 'fake', idtyp: 'user', scp: 'Files.ReadWrite.All', ver: '1.0',
    // Each refresh gives another one.
    uti: `FAKE${++count}`, ...times(),
  }
  return signed('microsoft', claims, nonce ? `FAKE-nonce-${count}` : undefined)
}

let count = 0

export interface MicrosoftTokenOwner { readonly account: Account; readonly directory: Account; readonly audience: string }

/** Who a token of Microsoft's is of, and in whose directory; undefined where Microsoft did not make it. */
export function readMicrosoftToken(token: string): MicrosoftTokenOwner | undefined {
  const claims = verified('microsoft', token)
  const account = Object.values(ACCOUNTS).find(({ microsoft }) => microsoft.object === claims?.oid)
  const directory = Object.values(ACCOUNTS).find(({ microsoft }) => microsoft.directory === claims?.tid)
  const audience = claims === undefined ? undefined : text(claims, 'aud')
  if (account === undefined || directory === undefined || audience === undefined) return undefined
  return { account, directory, audience }
}

/** A guest's name in another directory is made of that at home. */
export function userName(account: Account, directory: Account): string {
  const { email } = account.microsoft
  if (directory === account || directory.organisation === null) return email
  return `${email.replace('@', '_')}#EXT#@${directory.organisation.domain}`
}

function times(): { readonly iat: number; readonly nbf: number; readonly exp: number } {
  const now = Math.floor(Date.now() / 1000)
  return { iat: now, nbf: now, exp: now + SIGNED_SECONDS }
}

function part(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function readPart(value: string): JsonObject {
  try {
    return parseObject(Buffer.from(value, 'base64url').toString('utf8'))
  } catch {
    return {}
  }
}

function sha256(value: string): string {
  return createHash('sha256').update(value).digest('base64url')
}
