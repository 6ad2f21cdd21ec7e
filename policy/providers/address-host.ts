const MAX_NAME = 253

/** The host of an address that an answer gives out, as requests will name it; undefined where none over TLS can go to it. */
export function addressHost({ protocol, hostname }: URL): string | undefined {
  if (protocol !== 'https:') return undefined
  const host = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname
  return host.length > MAX_NAME ? undefined : host
}
