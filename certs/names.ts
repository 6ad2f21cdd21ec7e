import { CertificateError } from './errors.ts'

/** RFC 1123 §2.1 label, lower case only: what is not already canonical is refused, never repaired. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** WHATWG URL §3.5: a host whose last label is a number (decimal or 0x) is an IPv4 address to many parsers. */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** A host name of letters, digits and hyphens with at least two labels: no address, no wildcard, no trailing dot. */
export function isHostName(name: string): boolean {
  if (name.length > 253) return false
  const labels = name.split('.')
  const last = labels.at(-1) ?? ''
  return labels.length >= 2 && labels.every(label => LABEL.test(label)) && !NUMBER.test(last)
}

/** `name` is `domain` or lies below it, by whole labels. `.domain` means only what lies below (OpenSSL, Go, NSS). */
export function isWithin(name: string, domain: string): boolean {
  if (domain === '') return true
  if (domain.startsWith('.')) return name.endsWith(domain)
  return name === domain || name.endsWith(`.${domain}`)
}

/**
 * The shortest list that covers the same names, sorted.
 * Throws `ca.no-domains` for an empty list and `ca.name-refused` for an entry that is no host name.
 */
export function minimalDomains(domains: readonly string[]): string[] {
  // A constraint without a permitted DNS name would permit every one (RFC 5280 §4.2.1.10).
  if (domains.length === 0) {
    throw new CertificateError('ca.no-domains', 'The certificate authority has no domains to be constrained to',
      'Enable at least one provider, name domains in certs.domains, or set certs.constrain to none')
  }
  const refused = domains.find(domain => !isHostName(domain))
  if (refused !== undefined) {
    throw new CertificateError('ca.name-refused',
      `${JSON.stringify(refused)} is not a domain that can be put into a certificate`,
      'Write domains in lower case with two labels or more, as in example.com, without wildcard, port or leading dot')
  }
  const unique = [...new Set(domains)].sort()
  return unique.filter(domain => !unique.some(other => other !== domain && isWithin(domain, other)))
}
