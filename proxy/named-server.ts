/** The TLS server that clients of intercepted hosts talk to: which certificate it shows is known before each handshake begins. */
import tls from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { Socket } from 'node:net'

/**
 * An SNICallback would be asked in the middle of each handshake, a turn later, and tickets would be the server's: one name's session
 * could be resumed under another. This way all of a handshake, its ticket keys included, is the context's.
 */
export class NamedServer extends tls.Server {
  /** Begins the handshake of a connection, of which nothing has been read, by this context. */
  accept(socket: Socket, context: SecureContext): void {
    // Node keeps what `setSecureContext` makes here, and its listener reads it at once. No public way takes one that is made already.
    Object.assign(this, { _sharedCreds: context })
    this.emit('connection', socket)
  }
}
