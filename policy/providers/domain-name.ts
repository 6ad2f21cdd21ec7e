const DOMAIN = /^(?=.{3,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}$/

/** A DNS domain (RFC 1035 §2.3.1) in lower case; undefined for anything else. */
export function domainIn(value: unknown): string | undefined {
  const domain = typeof value === 'string' && value.length <= 253 ? value.toLowerCase() : undefined
  return domain !== undefined && DOMAIN.test(domain) ? domain : undefined
}
