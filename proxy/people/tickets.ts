/** Checks the tickets that clients show, one after another, and remembers whose a connection is. */
import { realmOf, userOfPrincipal } from '../../policy/people/principal.ts'
import { RefusedError, UnauthenticatedError } from '../errors.ts'
import { FairTurns } from './fair-turns.ts'
import { TokenError } from './gssapi.ts'
import type { Accepted, Acceptor } from './gssapi.ts'
import { CHALLENGE, isNtlm, offersNtlm, readNegotiate } from './negotiate.ts'
import type { Proven } from './open-people.ts'

export interface TicketsOptions {
  readonly acceptor: Pick<Acceptor, 'accept'>
  /** Realms whose users are known by their names alone; null: that of the proxy's own key. */
  readonly realms: readonly string[] | null
  /** Monotonic milliseconds. */
  readonly now: () => number
}

// The library locks the credential while it checks: more at once would hold threads and wait. A terminal server's users have one address.
const LIMITS = { running: 1, each: 256, all: 1_024 }
/** A connection is its user's for as long as the ticket holds, and no longer than this. */
const BOUND_MS = 3_600_000

interface Bound {
  readonly proven: Proven
  readonly until: number
}

export class Tickets {
  readonly #options: TicketsOptions
  readonly #turns = new FairTurns(LIMITS)
  readonly #bound = new WeakMap<object, Bound>()

  constructor(options: TicketsOptions) {
    this.#options = options
  }

  /**
   * Whose request it is: by its token, or by that of an earlier request on the same connection (RFC 4559 §6). `asker` takes turns with others.
   * Throws or rejects with a `RefusedError`: `client.unauthenticated`, `client.too-many-attempts` or, where the check itself fails,
   * `client.unverified`.
   */
  check(rawHeaders: readonly string[], asker: string, connection: object): Proven | Promise<Proven> {
    const token = readNegotiate(rawHeaders)
    // A proxy between us and the clients may send requests of several people on one connection.
    const isDirect = !rawHeaders.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'via')
    if (token === 'none') {
      const bound = isDirect ? this.#bound.get(connection) : undefined
      if (bound !== undefined && this.#options.now() < bound.until) return bound.proven
      throw new UnauthenticatedError(CHALLENGE, bound === undefined ? 'no credential' : 'the ticket of this connection has ended', true)
    }
    // Whoever shows a new one is not who he was, whatever comes of it.
    this.#bound.delete(connection)
    if (token === 'wrong') throw unauthenticated('a malformed credential')
    if (isNtlm(token)) throw unauthenticated('NTLM in place of a Kerberos ticket')
    const asked = this.#turns.take(asker, () => this.#ask(token, isDirect ? connection : null))
    if (asked === null) throw new RefusedError('client.too-many-attempts', 'too many tickets are being checked')
    return asked
  }

  async #ask(token: Buffer, connection: object | null): Promise<Proven> {
    const { acceptor, realms, now } = this.#options
    let accepted: Accepted
    try {
      accepted = await acceptor.accept(token)
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      if (!(error instanceof TokenError)) throw new RefusedError('client.unverified', detail, error)
      throw unauthenticated(offersNtlm(token) ? `${detail} (the client offers NTLM too: it may have no ticket)` : detail)
    }
    const { principal, service, answer, seconds } = accepted
    const user = userOfPrincipal(principal, realms ?? [realmOf(service)])
    if (user === null) throw unauthenticated('a principal that is no user')
    const proven: Proven = { user, ...answer.length === 0 ? {} : { answer: `${CHALLENGE} ${answer.toString('base64')}` } }
    if (connection !== null) this.#bound.set(connection, { proven: { user }, until: now() + Math.min(seconds * 1_000, BOUND_MS) })
    return proven
  }
}

function unauthenticated(detail: string): UnauthenticatedError {
  return new UnauthenticatedError(CHALLENGE, detail)
}
