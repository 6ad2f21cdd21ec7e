import type { ServerHttp2Session } from 'node:http2'
import type { Tunnel } from './tunnel.ts'

/** How long a client that has been told of the end may keep the connection open once nothing is under way on it; twice that at most. */
const LINGER_MS = 3_000

/** Ends an HTTP/2 connection after the requests that are under way (RFC 9113 §6.8: the client takes others elsewhere). */
export function endSession(session: ServerHttp2Session, tunnel: Tunnel): void {
  if (session.closed || session.destroyed) return
  session.close()
  // A session that is done waits for its client to close as well, and tells nobody before.
  const timer = setInterval(() => {
    if (!session.destroyed) return
    clearInterval(timer)
    tunnel.destroy()
  }, LINGER_MS)
  timer.unref()
}
