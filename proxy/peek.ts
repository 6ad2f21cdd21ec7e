/** Reads the beginning of a body and puts it back, so that it can be looked at before anything is forwarded. */
import type { ClientRequest } from './pipeline-exchange.ts'

/** The client left before its body was read; nobody's defect. */
export class ClientGone extends Error {}

export interface Peeked {
  readonly bytes: Buffer
  /** `bytes` is the whole body. */
  readonly complete: boolean
  /** The stream has ended and could take nothing back: whoever forwards writes `bytes` first. */
  readonly held: boolean
}

/**
 * Resolves with at least `limit` bytes, or all of the body when it is shorter, and leaves the stream paused.
 * `length` is the declared length, null when unknown; `moved` is called when bytes arrive. Rejects when the client goes away.
 */
export function peekBody(request: ClientRequest, limit: number, length: number | null, moved: () => void): Promise<Peeked> {
  const want = length === null ? limit : Math.min(limit, length)
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let have = 0
    const stop = (): Buffer => {
      request.removeListener('readable', onReadable)
      request.removeListener('end', onEnd)
      request.removeListener('error', onGone)
      request.removeListener('close', onGone)
      request.pause()
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, have)
    }
    const onReadable = (): void => {
      while (have < want) {
        const chunk = request.read() as Buffer | null
        if (chunk === null) return
        parts.push(chunk)
        have += chunk.length
        moved()
      }
      const bytes = stop()
      // In the same turn as the read, or the stream would have ended.
      request.unshift(bytes)
      resolve({ bytes, complete: have === length, held: false })
    }
    const onEnd = (): void => resolve({ bytes: stop(), complete: true, held: true })
    const onGone = (error?: Error): void => {
      stop()
      reject(new ClientGone('the client closed the connection', { cause: error }))
    }
    request.on('readable', onReadable)
    request.once('end', onEnd)
    request.once('error', onGone)
    request.once('close', onGone)
  })
}
