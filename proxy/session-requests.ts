import type { Http2Stream, ServerHttp2Session } from 'node:http2'

/** How long nothing must have been under way: who asks again as soon as he is answered is not met. */
const REST_MS = 1_000

/**
 * Calls `end` once a connection has carried so many requests, and rests; where it does not, once it has carried twice as many. What a client
 * has sent before it hears of the end is not answered any more, and clients that do not ask again (RFC 9113 §8.7) take it for a failure.
 * A notice ahead (§6.8) is not to be had: nghttp2 answers nothing that comes after the first GOAWAY that Node lets it send.
 * `isResting`: no stream of it is open.
 */
export function endAfter(session: ServerHttp2Session, most: number, end: () => void): { isResting(): boolean } {
  let count = 0
  let open = 0
  let timer: NodeJS.Timeout | null = null
  const rest = (): void => {
    timer = null
    if (open === 0) end()
  }
  session.on('stream', (stream: Http2Stream) => {
    open++
    count++
    stream.once('close', () => {
      open--
      if (open === 0 && count >= most) timer ??= setTimeout(rest, REST_MS).unref()
    })
    if (count === 2 * most) end()
  })
  return { isResting: () => open === 0 }
}
