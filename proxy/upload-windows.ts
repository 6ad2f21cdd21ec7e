/**
 * How far a client may send ahead over HTTP/2 (RFC 9113 §5.2). What it sends and its origin does not take yet is held here, so the windows
 * of streams are small; but a client that is far away sends no more than a window a round trip. So the distance is measured when something
 * is uploaded, and clients that need more are given it, while they send few bodies at once.
 */
import type { Http2Stream, ServerHttp2Session } from 'node:http2'

/** Of each stream at first: 16 MB/s at 8 ms. A hundred streams that are not taken hold 12.5 MiB. */
export const STREAM_WINDOW = 128 * 1024
/** Of each stream at most. */
const WIDE_WINDOW = 1024 * 1024
/** Of all streams of a connection together. Node gives it back as it reads, so it bounds what is on the wire and holds nothing. */
const CONNECTION_WINDOW = 1024 * 1024
/** What an upload should reach: 160 Mbit/s. */
const BYTES_PER_MS = 20_000
/** Bodies at once, above which a connection is given small windows again, and for good. */
export const MOST_BODIES = 8
/** Connections at once with larger windows. */
const MOST_WIDE = 100
/** What may still come by the larger windows, once they were taken back: several round trips full of it. */
const LATE_BYTES = 8 * 1024 * 1024
const LOOK_MS = 100
/** The least of so many round trips counts: the others waited for somebody's turn, or behind the upload. */
const ROUND_TRIPS = 3

export class UploadWindows {
  #wide = 0

  /** Watches a connection from its beginning. `cut`: its client goes on by windows that were taken back. */
  add(session: ServerHttp2Session, cut: () => void): void {
    session.setLocalWindowSize(CONNECTION_WINDOW)
    let is: 'unmeasured' | 'measuring' | 'wide' | 'settled' = 'unmeasured'
    let bodies = 0
    const measure = (left: number, least: number): void => {
      session.ping((error, roundTripMs) => {
        if (error !== null || is !== 'measuring' || session.destroyed) return
        const window = windowFor(Math.min(least, roundTripMs))
        if (window === STREAM_WINDOW || this.#wide >= MOST_WIDE) is = 'settled'
        else if (left > 1) measure(left - 1, Math.min(least, roundTripMs))
        else widen(window)
      })
    }
    const widen = (window: number): void => {
      is = 'wide'
      this.#wide++
      session.once('close', () => { this.#wide-- })
      session.settings({ initialWindowSize: window })
    }
    const narrow = (): void => {
      is = 'settled'
      const until = session.socket.bytesRead + LATE_BYTES
      // Nobody tells of what comes for streams that are not read.
      const timer = setInterval(() => { if (!session.destroyed && session.socket.bytesRead > until) cut() }, LOOK_MS).unref()
      session.once('close', () => clearInterval(timer))
      session.settings({ initialWindowSize: STREAM_WINDOW }, () => clearInterval(timer))
    }
    session.on('stream', (stream: Http2Stream) => {
      if (stream.endAfterHeaders || session.destroyed) return
      bodies++
      stream.once('close', () => { bodies-- })
      if (bodies > MOST_BODIES) {
        if (is === 'wide') narrow()
        else is = 'settled'
      } else if (is === 'unmeasured') {
        is = 'measuring'
        measure(ROUND_TRIPS, Infinity)
      }
    })
  }
}

/** The window of each stream, in bytes, for a client at this distance. */
export function windowFor(roundTripMs: number): number {
  return Math.min(WIDE_WINDOW, Math.max(STREAM_WINDOW, Math.ceil(roundTripMs * BYTES_PER_MS)))
}
