/** The open tunnels of users, so that they end with what let them in: a user who is taken out, or whose password was changed. */
import type { Directory } from '../../policy/people/directory.ts'
import { fold } from '../../policy/people/person.ts'

export class HeldTunnels {
  /** By folded name: what ends each. */
  readonly #ends = new Map<string, Set<() => void>>()

  /** `end` is called at most once, and not after what comes back was called. */
  hold(user: string, end: () => void): () => void {
    const name = fold(user)
    const ends = this.#ends.get(name) ?? new Set()
    this.#ends.set(name, ends.add(end))
    return () => {
      ends.delete(end)
      if (ends.size === 0 && this.#ends.get(name) === ends) this.#ends.delete(name)
    }
  }

  /** Ends those of users whom `before` let in by a password that is none in `now`. */
  changed(before: Directory, now: Directory): void {
    for (const [name, ends] of [...this.#ends]) {
      const was = before.members.get(name)?.password ?? null
      if (was === null || now.members.get(name)?.password?.hash.equals(was.hash) === true) continue
      this.#ends.delete(name)
      for (const end of [...ends]) end()
    }
  }
}
