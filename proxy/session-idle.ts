import type { ServerHttp2Session } from 'node:http2'

/**
 * Destroys a session on which nothing has moved for `ms`, and calls `idle`. Node 24 leaves the timer of a session that has ended to
 * run out, and keeps the session with its buffers as long: it asks for no more timeouts only once the session counts as destroyed, when
 * that is not heard any more. So the timer goes before, on both ways to an end: `destroy`, and the close of the connection.
 */
export function destroyIdle(session: ServerHttp2Session, ms: number, idle: () => void): void {
  const { destroy } = session
  const stop = (): void => { session.setTimeout(0) }
  session.destroy = (...given) => {
    stop()
    destroy.apply(session, given)
  }
  session.socket.prependListener('close', stop)
  session.setTimeout(ms, () => {
    session.destroy()
    idle()
  })
}
