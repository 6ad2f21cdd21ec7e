/**
 * TLS sessions with origins, to come back without a full handshake. Nothing is verified anew then: a session stands for what its
 * first handshake has proven, so all of this belongs to one trust and is dropped with it.
 *
 * One client's sessions are no other's, as its connections are not (`pool-key.ts`): an origin, or whoever watches the way to it, would
 * otherwise see in a session which requests come from one proxy's people, and whose came before whose.
 */
import { LRUCache } from 'lru-cache'

/** In a session no revocation is told: what the first handshake's stapled status said is not believed for longer. */
const LIFETIME_MS = 15 * 60_000
/** Large chains stay out of it; what is kept is the origin's own certificate and its ticket. */
const MOST_BYTES = 16 * 1024
/** Of all together, bytes: some thousand. */
const ALL_BYTES = 8 * 1024 * 1024
/** RFC 8446 §4.6.1: servers send two and more, for connections side by side. */
const MOST_EACH = 4

export interface OriginSession {
  /** In Node's form. */
  readonly session: Buffer
  /** When it was proven who the origin is, on the steady clock. */
  readonly provenAt: number
  /** When the origin's certificate ends, in milliseconds since the epoch. */
  readonly notAfter: number
}

export interface Clocks {
  /** Milliseconds since the epoch. */
  readonly wall: () => number
  /** Milliseconds that nobody sets. */
  readonly steady: () => number
}

/** Sessions of one client with one origin. */
export interface SessionsWith {
  /** The last one that may still be used, and is gone from here: no ticket is shown twice (RFC 8446 §C.4). */
  take(): OriginSession | null
  keep(session: OriginSession): void
}

export class OriginSessions {
  readonly #clocks: Clocks
  readonly #kept = new LRUCache<string, readonly OriginSession[]>({
    maxSize: ALL_BYTES,
    sizeCalculation: (sessions, whom) => sessions.reduce((sum, { session }) => sum + session.length, whom.length + 200),
  })

  constructor(clocks: Clocks = { wall: Date.now, steady: () => performance.now() }) {
    this.#clocks = clocks
  }

  /** `client`: the pool key of who asks. */
  with(client: string, host: string, port: number): SessionsWith {
    const whom = `${client}|${host}:${port}`
    return { take: () => this.#take(whom), keep: (session) => this.#keep(whom, session) }
  }

  #take(whom: string): OriginSession | null {
    const sessions = this.#kept.get(whom)?.filter((session) => this.#isGood(session)) ?? []
    const last = sessions.at(-1)
    if (sessions.length <= 1) this.#kept.delete(whom)
    else this.#kept.set(whom, sessions.slice(0, -1))
    return last ?? null
  }

  #keep(whom: string, session: OriginSession): void {
    if (session.session.length > MOST_BYTES || !this.#isGood(session)) return
    this.#kept.set(whom, [...(this.#kept.get(whom) ?? []).slice(1 - MOST_EACH), session])
  }

  #isGood({ provenAt, notAfter }: OriginSession): boolean {
    return this.#clocks.steady() - provenAt < LIFETIME_MS && this.#clocks.wall() < notAfter
  }
}
