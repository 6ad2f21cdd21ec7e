/** Remembers which credentials were right, and checks the others, a few at a time. */
import { createHmac, randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../policy/at-most.ts'
import { fold } from '../../policy/people/person.ts'
import { RefusedError, UnauthenticatedError } from '../errors.ts'
import { CHALLENGE } from './basic.ts'
import type { Credential } from './basic.ts'
import { FairTurns } from './fair-turns.ts'

/** Resolves the user's name as the source writes it, or null; rejects where it cannot tell now. */
export type Check = (credential: Credential) => Promise<string | null>

export interface CredentialsOptions {
  readonly check: Check
  /** Whether what was right of a user (folded) is so until `forget` is called for him, however long that is. Default: of nobody. */
  readonly lasts?: (user: string) => boolean
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/** Within this time a credential that was right is not checked again; one that was changed where nobody tells works on for so long. */
export const REMEMBER_MS = 300_000
/** What was right goes on while nobody can tell whether it still is, and no longer. */
export const OUTAGE_MS = 86_400_000
/** A program that repeats a wrong password with each of its requests costs one check in this time. */
const WRONG_MS = 10_000
const MAX_RIGHT = 10_000
/** Of its own, so that made-up credentials push no right one out. */
const MAX_WRONG = 10_000

// A check by scrypt keeps a core busy and takes 32 to 128 MiB of memory, and other work needs the rest of the thread pool.
const LIMITS = { running: availableParallelism() < 4 ? 1 : 2, each: 16, all: 1_024 }
/** After a wrong credential the next check waits for as long as that one took, so that a flood of them has half of the time at most. */
const MAX_REST_MS = 1_000

interface Known {
  /** As whom the client has presented himself, folded. */
  readonly asked: string
  readonly at: number
}

interface Right extends Known {
  readonly user: string
}

export class Credentials {
  readonly #check: Check
  readonly #lasts: (user: string) => boolean
  readonly #now: () => number
  // Known to nobody: a dump of the memory alone shows no password that could be tried elsewhere.
  readonly #key = randomBytes(32)
  readonly #right = new LRUCache<string, Right>(atMost(MAX_RIGHT))
  readonly #wrong = new LRUCache<string, Known>(atMost(MAX_WRONG))
  readonly #asked = new Map<string, Promise<string>>()
  readonly #turns = new FairTurns(LIMITS)
  #generation = 0

  constructor({ check, lasts = () => false, now }: CredentialsOptions) {
    this.#check = check
    this.#lasts = lasts
    this.#now = now
  }

  /**
   * The user whose credential it is; at once where it is remembered. `asker` takes turns with others. Throws or rejects with a
   * `RefusedError`: `client.unauthenticated`, `client.too-many-attempts` or, where nobody can tell now, `client.unverified`.
   */
  check(credential: Credential, asker: string): string | Promise<string> {
    const digest = this.#digest(credential)
    const right = this.#right.get(digest)
    if (right !== undefined && (this.#now() - right.at < REMEMBER_MS || this.#lasts(right.asked))) return right.user
    const wrong = this.#wrong.get(digest)
    if (wrong !== undefined && this.#now() - wrong.at < WRONG_MS) throw unauthenticated()
    const before = this.#asked.get(digest)
    if (before !== undefined) return before
    const generation = this.#generation
    const asked = this.#turns.take(asker, rest => this.#ask(credential, digest, generation === this.#generation ? right : undefined, rest))
    if (asked === null) throw new RefusedError('client.too-many-attempts', 'too many credentials are being checked')
    const settled = asked.finally(() => { this.#asked.delete(digest) })
    this.#asked.set(digest, settled)
    return settled
  }

  /**
   * What was right or wrong of these users (folded) may be so no longer, and is checked again; so is what is being checked now. The
   * others stay: to check everybody at once takes minutes, in which nobody gets in.
   */
  forget(isMeant: (user: string) => boolean): void {
    this.#generation++
    for (const known of [this.#right, this.#wrong]) {
      for (const [digest, { asked }] of [...known.entries()]) if (isMeant(asked)) known.delete(digest)
    }
  }

  async #ask(credential: Credential, digest: string, before: Right | undefined, rest: (ms: number) => void): Promise<string> {
    const startedAt = this.#now()
    const asked = fold(credential.user)
    const begun = this.#generation
    for (;;) {
      const generation = this.#generation
      let user: string | null
      try {
        user = await this.#check(credential)
      } catch (error) {
        // What was forgotten meanwhile goes on no longer.
        if (before !== undefined && this.#generation === begun && this.#now() - before.at < OUTAGE_MS) return before.user
        const detail = error instanceof Error ? error.message : String(error)
        throw new RefusedError('client.unverified', detail, error)
      }
      // What was found out while all was forgotten is of the time before: whoever was taken out in between must not be let in.
      if (generation !== this.#generation) continue
      if (user === null) {
        rest(Math.min(MAX_REST_MS, this.#now() - startedAt))
        this.#right.delete(digest)
        this.#wrong.set(digest, { asked, at: this.#now() })
        throw unauthenticated()
      }
      this.#right.set(digest, { asked, user, at: this.#now() })
      return user
    }
  }

  #digest({ user, password }: Credential): string {
    return createHmac('sha256', this.#key).update(`${fold(user)}\0${password}`).digest('base64')
  }
}

function unauthenticated(): UnauthenticatedError {
  return new UnauthenticatedError(CHALLENGE, 'wrong user or password')
}
