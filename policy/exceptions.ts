/** Who is excepted from which rules now. Pure: the clock is an argument. */
import type { Client, Provider } from './operation.ts'
import { fold } from './people/person.ts'
import type { Exception } from './store/store.ts'

/** Whom an exception is for: a user where one is known, else an address. */
export type Person = Pick<Client, 'user' | 'ip'>

interface Granted {
  readonly id: string
  readonly rule: string
  readonly provider: string | null
  /** Milliseconds since 1970. */
  readonly until: number
}

/** The granted exceptions by person: made once for each change of them, so that a request of whoever has none costs one look. */
export class ExceptionIndex {
  readonly #granted = new Map<string, Granted[]>()

  readonly #latest: () => number

  /** `latest`: a time before which nothing is asked for; left out: any may be. */
  constructor(exceptions: readonly Exception[], latest: () => number = () => -Infinity) {
    this.#latest = latest
    for (const { id, state, rule, provider, user, ip, until } of exceptions) {
      if (state !== 'granted' || until === undefined) continue
      const person = personKey(user === undefined ? { ip: ip ?? '' } : { user, ip: '' })
      const entry = { id, rule, provider, until: Date.parse(until) }
      const those = this.#granted.get(person)
      if (those === undefined) this.#granted.set(person, [entry])
      else those.push(entry)
    }
  }

  /** The rules that this person is excepted from at `at` (milliseconds since 1970), with the exceptions' ids; undefined: none. */
  of(person: Person, provider: Provider | null, at: number): ReadonlyMap<string, string> | undefined {
    if (this.#granted.size === 0) return undefined
    const those = this.#granted.get(personKey(person))
    if (those === undefined) return undefined
    const now = Math.max(at, this.#latest())
    let found: Map<string, string> | undefined
    for (const granted of those) {
      if (granted.until <= now || (granted.provider !== null && granted.provider !== provider)) continue
      (found ??= new Map()).set(granted.rule, granted.id)
    }
    return found
  }
}

/** The same text for what is the same person; case does not count in names of users. */
export function personKey({ user, ip }: Person): string {
  return user === undefined ? `ip ${ip}` : `user ${fold(user)}`
}

/** Whether an exception has nothing more to say: it was declined or revoked, has ended, or was never decided. */
export function isOver({ state, until, askedAt }: Exception, now: number): boolean {
  if (state === 'asked') return Date.parse(askedAt) + ASKED_FOR_MS <= now
  return state !== 'granted' || until === undefined || Date.parse(until) <= now
}

/** What nobody has decided for this long needs no decision any more. */
const ASKED_FOR_MS = 30 * 86_400_000
