import type http from 'node:http'
import type { Socket } from 'node:net'

/** A client's HTTP/1.1 connection, which ends after so many requests, or when it is told to: after the answers that are under way. */
export class Http1Connection {
  readonly #socket: Socket
  readonly #requests: number
  readonly #limitReached: () => void
  /** In the order in which they are sent. */
  readonly #answers = new Set<http.ServerResponse>()
  #count = 0
  #isEnding = false
  #isUpgraded = false
  #isTaken = false

  /** `limitReached` is called once, with the last of `requests`. */
  constructor(socket: Socket, requests: number, limitReached: () => void) {
    this.#socket = socket
    this.#requests = requests
    this.#limitReached = limitReached
  }

  /** False: an answer before this one is the last, so this request must not be carried out. */
  take(response: http.ServerResponse): boolean {
    if (this.#isEnding) return false
    this.#answers.add(response)
    response.once('close', () => {
      this.#answers.delete(response)
      if (this.#isEnding && this.#answers.size === 0) this.#socket.destroySoon()
    })
    this.#count++
    if (this.#count >= this.#requests) {
      this.#limitReached()
      this.end()
    }
    return true
  }

  /** From now on it carries something else, which has no end that could be waited for. False: its end has begun. */
  upgraded(): boolean {
    this.#isUpgraded = true
    return !this.#isEnding
  }

  /** It has become a tunnel, which ends by itself. False: its end has begun. */
  taken(): boolean {
    this.#isTaken = true
    return !this.#isEnding
  }

  end(): void {
    if (this.#isTaken) return
    this.#isEnding = true
    if (this.#isUpgraded) {
      this.#socket.destroy()
      return
    }
    const last = [...this.#answers].at(-1)
    if (last === undefined) this.#socket.destroySoon()
    // Says so to the client, where its head is not sent yet.
    else last.shouldKeepAlive = false
  }
}
