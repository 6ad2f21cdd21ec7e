/** `people.kerberos` as it is written. A parser throws a plain `Error` that completes "people.kerberos …". */
import { nearest } from '../policy/errors.ts'

export interface KerberosSettings {
  /** A file with the proxy's keys. */
  readonly keytab: string
  /** The one principal whose tickets are taken; null: every `HTTP/…` in the keytab. */
  readonly principal: string | null
  /** Realms whose users are known by their names alone; null: that of the key. */
  readonly realms: readonly string[] | null
}

const KEYS = ['keytab', 'principal', 'realms']
const PRINCIPAL = /^[^\s@/\\]+\/[^\s@/\\]+@[^\s@/\\]+$/
const REALM = /^[^\s@/\\]{1,255}$/

export function parseKerberos(written: Readonly<Record<string, unknown>>): KerberosSettings {
  const stray = Object.keys(written).find(key => !KEYS.includes(key))
  if (stray !== undefined) {
    const near = nearest(stray, KEYS)
    throw new Error(`has ${JSON.stringify(stray.slice(0, 60)).slice(1, -1)}, which is not known; ` +
      (near === undefined ? `known are ${KEYS.join(', ')}` : `did you mean ${near}?`))
  }
  const { keytab, principal = null, realms = null } = written
  if (typeof keytab !== 'string' || keytab === '') throw new Error('must have a keytab: a file with the key of HTTP/proxy.example.com')
  if (principal !== null && (typeof principal !== 'string' || !PRINCIPAL.test(principal))) {
    throw new Error('must have a principal such as HTTP/proxy.example.com@EXAMPLE.COM, or none')
  }
  return { keytab, principal, realms: realms === null ? null : realmsOf(realms) }
}

export function formatKerberos({ keytab, principal, realms }: KerberosSettings): Record<string, unknown> {
  return { keytab, principal, realms: realms === null ? null : [...realms] }
}

function realmsOf(value: unknown): readonly string[] {
  const why = 'must have a list of realms such as EXAMPLE.COM as realms, or none'
  if (!Array.isArray(value)) throw new Error(why)
  return value.map((realm: unknown) => {
    if (typeof realm !== 'string' || !REALM.test(realm)) throw new Error(why)
    return realm
  })
}
