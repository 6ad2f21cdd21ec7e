/** The keys by which an identity provider's tokens are verified: fixed ones, or those that it publishes. */
import { createLocalJWKSet, errors } from 'jose'
import type { JWTVerifyGetKey } from 'jose'
import { SluiceError } from '../errors.ts'
import { textMember } from '../providers/json.ts'
import type { Log } from '../store/log.ts'
import { keysIn } from '../tenant/key-sets.ts'
import type { Key } from '../tenant/key-sets.ts'

/** Fetches a JSON document, bounded in time and size; rejects, without the address's secrets, where it cannot. */
export type GetJson = (url: string) => Promise<unknown>

/** So old, keys are asked for again, so that one that was taken back is not trusted for long. */
const FRESH_MS = 10 * 60_000
/** Where the issuer does not answer, what it last published is good for so long. */
const KEPT_MS = 24 * 3_600_000
/** So often at most the issuer is asked, whoever sends what: unknown keys, or none because it fails. */
const COOLDOWN_MS = 30_000
/** Issuers show a handful. */
const KEYS_MAX = 100

export function fixedKeys(keys: readonly Key[]): JWTVerifyGetKey {
  return createLocalJWKSet({ keys: [...keys] })
}

interface Published {
  readonly find: JWTVerifyGetKey
  readonly at: number
}

export interface IssuerKeysOptions {
  readonly issuer: string
  /** null: as the issuer's own description says (OpenID Connect Discovery 1.0 §4). */
  readonly jwksUri: string | null
  readonly getJson: GetJson
  readonly log: Log
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** Rejects with `admin.issuer-unreachable` while there are none, else as `createLocalJWKSet` does. */
export function issuerKeys({ issuer, jwksUri, getJson, log, now = () => performance.now() }: IssuerKeysOptions): JWTVerifyGetKey {
  let published: Published | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | undefined

  const ask = async (): Promise<void> => {
    try {
      const keys = keysIn(await getJson(jwksUri ?? await discover(issuer, getJson)))
      if (keys === undefined || keys.length > KEYS_MAX) throw new Error('what it publishes is no key set')
      published = { find: fixedKeys(keys), at: now() }
    } catch (error) {
      log('warn', `The keys of ${issuer} cannot be had: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  /** Those who come while it is asked wait for the same answer. */
  const renew = async (): Promise<void> => {
    if (asking === undefined && now() - askedAt >= COOLDOWN_MS) {
      askedAt = now()
      asking = ask().finally(() => { asking = undefined })
    }
    await asking
  }
  const current = (): Published => {
    if (published === undefined || now() - published.at > KEPT_MS) {
      throw new SluiceError('admin.issuer-unreachable', 'The keys of the identity provider cannot be had.',
        'Try again in a minute, or use a token of Sluice; the log says why.')
    }
    return published
  }
  return async (header, token) => {
    if (published === undefined || now() - published.at > FRESH_MS) await renew()
    const before = current()
    try {
      return await before.find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await renew()
      const after = current()
      if (after === before) throw error
      return after.find(header, token)
    }
  }
}

async function discover(issuer: string, getJson: GetJson): Promise<string> {
  const described = await getJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  // OpenID Connect Discovery 1.0 §4.3: the issuer value returned MUST be identical to the one that was asked.
  if (textMember(described, 'issuer') !== issuer) throw new Error('its description is of another issuer')
  const uri = textMember(described, 'jwks_uri')
  if (uri === undefined) throw new Error('its description names no jwks_uri')
  return uri
}
