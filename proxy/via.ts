/**
 * `Via`: the name by which this process knows what it has forwarded itself (RFC 9110 §7.6.3). A message that comes back
 * with it goes in a circle, through a parent proxy say, and would until every connection is used up.
 */
import { randomBytes } from 'node:crypto'

export interface Via {
  /** Whether header fields (flat, `[name, value, …]`) say that the message has been here. */
  isOwn(raw: readonly string[]): boolean
  /** The field's value for what is forwarded. `version`: of the protocol that the message came by, `1.1` or `2.0`. */
  entry(version: string): string
}

/** The random bytes tell this Sluice from every other, so that a chain of them is no circle; nobody can guess them. */
export function makePseudonym(): string {
  return `sluice-${randomBytes(10).toString('hex')}`
}

/** `pseudonym`: that of the processes which are one Sluice. */
export function createVia(pseudonym: string = makePseudonym()): Via {
  const entries = new Map(['1.0', '1.1', '2.0'].map((version) => [version, `${version} ${pseudonym}`]))
  return {
    isOwn(raw) {
      for (let i = 0; i + 1 < raw.length; i += 2) {
        const name = raw[i] ?? ''
        // The letters of a pseudonym are kept on the way by all that pass on Via, but nothing says that they must be.
        if (name.length === 3 && name.toLowerCase() === 'via' && raw[i + 1]?.toLowerCase().includes(pseudonym) === true) return true
      }
      return false
    },
    entry: (version) => entries.get(version) ?? `${version} ${pseudonym}`,
  }
}
