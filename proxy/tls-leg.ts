/** What was agreed on in a handshake: one is of the client with Sluice, another of Sluice with the origin. */
import type { TLSSocket } from 'node:tls'
import type { TlsLeg, TlsVersion } from '../dashboards/outcome.ts'

const VERSIONS: { readonly [name: string]: TlsVersion | undefined } = { 'TLSv1.2': '1.2', 'TLSv1.3': '1.3' }

const known = new WeakMap<TLSSocket, TlsLeg>()

/** Asked of OpenSSL once a connection, however many requests it carries. */
export function tlsLegOf(socket: TLSSocket): TlsLeg {
  const before = known.get(socket)
  if (before !== undefined) return before
  const leg = { version: VERSIONS[socket.getProtocol() ?? ''] ?? 'other', cipher: socket.getCipher().standardName }
  known.set(socket, leg)
  return leg
}
