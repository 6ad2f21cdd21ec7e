/** Closes an HTTP/2 stream, and the whole tunnel where the client turns out to have gone. */
import type { ServerHttp2Stream } from 'node:http2'
import type { Tunnel } from './tunnel.ts'

/** How long a connection may carry nothing once one of its streams is to be closed. */
const GONE_MS = 3_000

/**
 * `code` of RFC 9113 §7. Node can lose the error of a write to a client that has closed; the session then neither reads
 * nor writes nor ends, and even destroying it leaves the socket open (nodejs/node#61304). So the socket is closed below it.
 */
export function closeStream(stream: ServerHttp2Stream, code: number, tunnel: Tunnel | null): void {
  stream.close(code)
  const { session } = stream
  if (stream.destroyed || session === undefined || session.destroyed) return
  let written = session.socket.bytesWritten
  const timer = setInterval(() => {
    if (!stream.destroyed && !session.destroyed) {
      const moved = session.socket.bytesWritten > written
      written = session.socket.bytesWritten
      // A slow reader has other things to read before the end of this stream.
      if (moved) return
      tunnel?.destroy()
    }
    clearInterval(timer)
  }, GONE_MS)
  timer.unref()
}
