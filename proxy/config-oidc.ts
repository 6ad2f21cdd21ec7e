/** `admin.oidc` as it is written. A parser throws a plain `Error` that completes "admin.oidc …". */
import { OIDC_ROLES } from '../policy/admin/oidc-settings.ts'
import type { OidcSettings } from '../policy/admin/oidc-settings.ts'
import { nearest } from '../policy/errors.ts'
import { isSafeUrl } from './config-values.ts'

type Given = Readonly<Record<string, unknown>>

const KEYS = ['issuer', 'audience', 'jwksUri', 'keySetFile', 'rolesClaim', 'subjectClaim', 'roles']

export function parseOidc(written: Given): OidcSettings {
  known(written, KEYS, '')
  const issuer = text(written, 'issuer', 'the address that tokens tell in iss')
  if (!isSafeUrl(issuer) || /[?#]/.test(issuer)) throw new Error('must have an issuer that is an https address without query')
  const jwksUri = optional(written, 'jwksUri', 'the https address of a key set')
  if (jwksUri !== null && !isSafeUrl(jwksUri)) throw new Error('must have a jwksUri that is an https address')
  const keySetFile = optional(written, 'keySetFile', 'a file')
  if (jwksUri !== null && keySetFile !== null) throw new Error('has jwksUri and keySetFile; keep one of them')
  return {
    issuer, jwksUri, keySetFile,
    audience: text(written, 'audience', 'what tokens must be meant for, as they tell it in aud'),
    rolesClaim: optional(written, 'rolesClaim', 'the name of a claim') ?? 'roles',
    subjectClaim: optional(written, 'subjectClaim', 'the name of a claim') ?? 'sub',
    roles: rolesOf(written.roles),
  }
}

function rolesOf(written: unknown): OidcSettings['roles'] {
  const why = 'must have roles, by viewer, editor and admin the values of the claim that give it: { admin: [sluice-admins] }'
  if (typeof written !== 'object' || written === null || Array.isArray(written)) throw new Error(why)
  const given = new Map<string, unknown>(Object.entries(written))
  known(Object.fromEntries(given), OIDC_ROLES, 'roles.')
  const valuesOf = (role: string): readonly string[] => {
    const values = given.get(role) ?? []
    if (!Array.isArray(values) || !values.every(isText)) throw new Error(`must have a list of texts for roles.${role}`)
    return values
  }
  const roles = { viewer: valuesOf('viewer'), editor: valuesOf('editor'), admin: valuesOf('admin') }
  // Without a value nobody would ever be let in.
  if (Object.values(roles).every((values) => values.length === 0)) throw new Error(why)
  return roles
}

function known(given: Given, keys: readonly string[], before: string): void {
  const name = Object.keys(given).find(key => !keys.includes(key))
  if (name === undefined) return
  const near = nearest(name, keys)
  throw new Error(`has ${before}${JSON.stringify(name.slice(0, 60)).slice(1, -1)}, which is not known; ` +
    (near === undefined ? `known are ${keys.join(', ')}` : `did you mean ${near}?`))
}

function text(given: Given, key: string, why: string): string {
  const value = given[key]
  if (isText(value)) return value
  throw new Error(`must have an ${key}, ${why}`)
}

function optional(given: Given, key: string, why: string): string | null {
  const value = given[key] ?? null
  if (value === null || isText(value)) return value
  throw new Error(`must have a ${key} that is ${why}`)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1_000
}
