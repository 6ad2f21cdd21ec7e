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
    const restore = readInPieces(socket)
    this.emit('connection', socket)
    // Node reads what was put back in the next turn.
    process.nextTick(restore)
  }
}

/** Less than the 1,024 bytes that Node's buffer before OpenSSL begins with. */
const PIECE = 1_000

/**
 * What is put back is taken by Node's TLS in one piece, for which it makes a buffer of just that size; being full, it gets a second one of
 * 16 KiB, which stays for as long as the connection. Of pieces that leave room OpenSSL takes each at once.
 */
function readInPieces(socket: Socket): () => void {
  const { read } = socket
  socket.read = (size?: number): unknown => read.call(socket, size ?? (socket.readableLength > PIECE ? PIECE : undefined))
  // Deleted, it would leave all properties of the socket in a table, of a kilobyte more, for as long as the connection.
  return () => { socket.read = read }
}
