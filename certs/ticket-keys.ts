/**
 * The keys of session tickets (RFC 8446 §4.6.1, RFC 5077), by which clients come back without a full handshake. All come from one
 * secret, so that processes which share it take each other's tickets without a word between them.
 */
import { createHmac, randomBytes } from 'node:crypto'

/**
 * How long a key is used. A ticket of TLS 1.2 gives what it protects to whoever gets its key later, so a key must be gone soon; and
 * below the 6 h for which a leaf is good at least when it is shown, so that no session outlives what it was begun with.
 */
export const TICKET_LIFETIME_MS = 4 * 3_600_000
/** What Node wants: a name of 16 bytes, then 16 each for authentication and encryption. */
const KEY_BYTES = 48
const SECRET_BYTES = 32
/** Two months: a clock that is further ahead was set, and nobody counts his way there. */
const PERIODS_AT_MOST = 360

/** What further keys come from. Never written or logged. */
export interface TicketSecret {
  /** The period, counted since the epoch, that the secret is for. */
  readonly period: number
  /** 32 random bytes, or what came of them. */
  readonly secret: Buffer
}

/**
 * Keys that change at the same moment wherever the secret is shared and the clocks agree. Each period's secret is made from the one
 * before, which is forgotten: what is found in memory opens no ticket of the past. Tickets of a period that is over are passed over by
 * TLS, and their clients make a full handshake.
 */
export class TicketKeys {
  readonly #now: () => number
  #period: number
  #secret: Buffer

  /** `shared`: what `share` gave elsewhere; without it a new secret is made. `now`: milliseconds since the epoch. */
  constructor({ shared, now = Date.now }: { readonly shared?: TicketSecret; readonly now?: () => number } = {}) {
    this.#now = now
    this.#period = shared?.period ?? periodAt(now())
    this.#secret = shared?.secret ?? randomBytes(SECRET_BYTES)
  }

  /** Changes when the keys do. */
  get period(): number {
    this.#advance()
    return this.#period
  }

  /**
   * The key of now, in the form of Node's `ticketKeys`, for one purpose: what a certificate is shown for, and by whom. A ticket made for
   * one purpose is none for another, whatever its client says.
   */
  keyFor(purpose: string): Buffer {
    this.#advance()
    return derive(this.#secret, `key ${purpose}`, KEY_BYTES)
  }

  /** For another process: it makes the same keys from now on, and none of those before. */
  share(): TicketSecret {
    this.#advance()
    return { period: this.#period, secret: Buffer.from(this.#secret) }
  }

  /** Milliseconds until the keys change. */
  msLeft(): number {
    return Math.max(0, (this.period + 1) * TICKET_LIFETIME_MS - this.#now())
  }

  #advance(): void {
    const current = periodAt(this.#now())
    // A clock that was put back a little must not part this process from those that share the secret.
    if (current === this.#period || current === this.#period - 1) return
    if (current < this.#period || current - this.#period > PERIODS_AT_MOST) {
      this.#secret = randomBytes(SECRET_BYTES)
      this.#period = current
      return
    }
    while (this.#period < current) {
      this.#period++
      this.#secret = derive(this.#secret, `period ${this.#period}`, SECRET_BYTES)
    }
  }
}

function periodAt(ms: number): number {
  return Math.floor(ms / TICKET_LIFETIME_MS)
}

/** Of what use, then what for: no key can be a secret. */
function derive(secret: Buffer, use: string, bytes: number): Buffer {
  return createHmac('sha512', secret).update(use).digest().subarray(0, bytes)
}
