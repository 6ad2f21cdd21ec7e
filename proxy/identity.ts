/**
 * CONNECT target, SNI, Host and `:authority` name one host, or nothing is forwarded: otherwise a permitted name would
 * carry a request to another (domain fronting; smokescreen's "ACL bypass via Host header in MITM mode").
 */
import { RefusedError } from './errors.ts'
import type { Head } from './head.ts'
import type { Tunnel } from './tunnel.ts'

/** Throws `identity.mismatch` (400), on HTTP/2 `identity.misdirected` (421, RFC 9113 §9.1.2). */
export function checkAgreement(head: Head, tunnel: Tunnel): void {
  const { host, port } = head.authority
  if (host === tunnel.host && port === tunnel.port && tunnel.serverName === tunnel.host) return
  throw new RefusedError(
    head.http2 ? 'identity.misdirected' : 'identity.mismatch',
    `CONNECT ${tunnel.host}:${tunnel.port}, SNI ${tunnel.serverName}, request for ${host}:${port}`,
  )
}
