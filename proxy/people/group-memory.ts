/** Remembers what the directory service said of users, asks it anew in time, and goes on with the last answer while it is away. */
import { LRUCache } from 'lru-cache'
import { atMost } from '../../policy/at-most.ts'

export interface KnownGroups {
  readonly names: readonly string[]
  /** `stale`: the service does not confirm them any more; `unknown`: it was never heard on this user, or did not tell all. */
  readonly are: 'fresh' | 'stale' | 'unknown'
}

export interface GroupMemoryOptions {
  /** The groups of a user, by folded name; none of a user that it does not know. Rejects where it does not answer. */
  readonly look: (user: string) => Promise<{ readonly names: readonly string[]; readonly complete: boolean }>
  /** How long an answer counts as fresh, in milliseconds. */
  readonly cacheMs: number
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** The service does not answer (with what went wrong), or (null) does again. */
  readonly told: (error: unknown) => void
}

/** The last known groups go on for so long while the service is away. */
const STALE_MS = 86_400_000
const MAX_USERS = 20_000
/** Of its time, what is left of an answer when the service is asked anew, beside the traffic. */
const REFRESH_FROM = 0.8
/** After a failure nobody waits for the service for so long. */
const PAUSE_MS = 5_000
/** Users that are asked for at once; further ones count as unknown until there is room. */
const MAX_ASKED = 256

const UNKNOWN: KnownGroups = Object.freeze({ names: Object.freeze([]), are: 'unknown' })

interface Answer {
  readonly fresh: KnownGroups
  readonly stale: KnownGroups
  readonly at: number
}

export class GroupMemory {
  readonly #options: GroupMemoryOptions
  readonly #answers = new LRUCache<string, Answer>(atMost(MAX_USERS))
  readonly #asked = new Map<string, Promise<void>>()
  #failedAt = Number.NEGATIVE_INFINITY
  #isAway = false

  constructor(options: GroupMemoryOptions) {
    this.#options = options
  }

  /** The last attempt failed. */
  get isAway(): boolean {
    return this.#isAway
  }

  known(user: string): KnownGroups {
    const answer = this.#answers.get(user)
    if (answer === undefined) return UNKNOWN
    const age = this.#options.now() - answer.at
    return age < this.#options.cacheMs ? answer.fresh : age < STALE_MS ? answer.stale : UNKNOWN
  }

  /** Null where nobody need wait: the answer is fresh, or none can be had now. Resolves whatever comes of it. */
  ask(user: string): Promise<void> | null {
    const { now, cacheMs } = this.#options
    const answer = this.#answers.get(user)
    const age = answer === undefined ? Infinity : now() - answer.at
    if (age < cacheMs * REFRESH_FROM) return null
    const before = this.#asked.get(user)
    if (before === undefined && (now() - this.#failedAt < PAUSE_MS || this.#asked.size >= MAX_ASKED)) return null
    const asked = before ?? this.#look(user)
    return age < cacheMs ? null : asked
  }

  #look(user: string): Promise<void> {
    const { look, now, told } = this.#options
    const asked = look(user).then(
      ({ names, complete }) => {
        const are = (is: 'fresh' | 'stale'): KnownGroups => ({ names, are: complete ? is : 'unknown' })
        this.#answers.set(user, { fresh: are('fresh'), stale: are('stale'), at: now() })
        this.#failedAt = Number.NEGATIVE_INFINITY
        if (this.#isAway) told(null)
        this.#isAway = false
      },
      (error: unknown) => {
        this.#failedAt = now()
        if (!this.#isAway) told(error)
        this.#isAway = true
      },
    ).finally(() => { this.#asked.delete(user) })
    this.#asked.set(user, asked)
    return asked
  }
}
