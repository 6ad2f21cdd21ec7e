/** Kerberos principals as users of rules and events. Pure. */
import { nameFault } from './person.ts'

/**
 * The user that a principal is: `anna` of `anna@EXAMPLE.COM` where the realm is one of `home`, whose users are known by their names alone;
 * of any other realm the whole, so that its `anna` is not ours. Null where it is nobody whom rules can name.
 */
export function userOfPrincipal(principal: string, home: readonly string[]): string | null {
  // Escaped signs (RFC 1964 §2.1.1): an `@` or `/` within a name would read as another name, or as a realm.
  if (principal.includes('\\')) return null
  const at = principal.indexOf('@')
  const name = principal.slice(0, at)
  const realm = principal.slice(at + 1)
  // RFC 8062 §3, RFC 6111: these are nobody's.
  if (at < 1 || realm === '' || realm.includes('@') || name.startsWith('WELLKNOWN/') || realm.startsWith('WELLKNOWN:')) return null
  const user = home.includes(realm) ? name : principal
  return nameFault(user) === null ? user : null
}

/** The realm of a principal; empty where it has none. */
export function realmOf(principal: string): string {
  return principal.slice(principal.indexOf('@') + 1 || principal.length)
}
