import { EventEmitter } from 'node:events'
import { isObject } from './json.ts'

/** How the stand-in misbehaves towards the requests that match; without `match`, towards all. */
export interface Behaviour {
  /** `host` is compared as it is, `path` is a RegExp source tried against path and query. */
  readonly match?: { readonly host?: string; readonly path?: string }
  /** Pace at which a request's body is read, each request by itself; the sender feels it as backpressure. */
  readonly readBytesPerSecond?: number
  /** Pace at which a response's body is written. */
  readonly writeBytesPerSecond?: number
  /** Neither reads nor writes any further once this many bytes of a body have passed. */
  readonly stallAfterBytes?: number
  /** Resets the TCP connection once this many bytes of a body have passed; 0 resets before the first. */
  readonly resetAfterBytes?: number
  /** Answers this status at once, in place of the provider; the request's body is still read and counted. */
  readonly status?: number
  /** Waits this long, reading nothing, before it looks at the request. */
  readonly delayMs?: number
  /** Answers with a body of this many filler bytes, in place of the provider. */
  readonly responseBytes?: number
}

const NUMBERS = [
  'readBytesPerSecond', 'writeBytesPerSecond', 'stallAfterBytes', 'resetAfterBytes', 'status', 'delayMs', 'responseBytes',
] as const
const NORMAL: Behaviour = {}

/** Reads a behaviour as it comes over the control port. Throws a `TypeError` that names the faulty key. */
export function parseBehaviour(value: unknown): Behaviour | null {
  if (value === null) return null
  if (!isObject(value)) throw new TypeError('behave: send a JSON object, or null for normal')
  const behaviour: { -readonly [key in keyof Behaviour]: Behaviour[key] } = {}
  for (const [key, given] of Object.entries(value)) {
    const name = NUMBERS.find(number => number === key)
    if (key === 'match') behaviour.match = parseMatch(given)
    else if (name === undefined) throw new TypeError(`behave: there is no "${key}"; use match, ${NUMBERS.join(', ')}`)
    else if (typeof given !== 'number' || !(given >= 0)) throw new TypeError(`behave: ${key} must be a number, 0 or more`)
    else behaviour[name] = given
  }
  return behaviour
}

function parseMatch(value: unknown): NonNullable<Behaviour['match']> {
  if (!isObject(value)) throw new TypeError('behave: match must be an object with host or path')
  const match: { host?: string; path?: string } = {}
  for (const [key, given] of Object.entries(value)) {
    if (key !== 'host' && key !== 'path') throw new TypeError(`behave: match has no "${key}"; use host or path`)
    if (typeof given !== 'string') throw new TypeError(`behave: match.${key} must be a string`)
    match[key] = given
  }
  if (match.path !== undefined) new RegExp(match.path)
  return match
}

/** The behaviour in force. Emits `change`, so that a stalled or sleeping exchange looks again. */
export class Behaviours extends EventEmitter<{ change: [] }> {
  #current: Behaviour = NORMAL
  #path: RegExp | undefined

  constructor() {
    super()
    this.setMaxListeners(0)
  }

  set(behaviour: Behaviour | null): void {
    this.#current = behaviour ?? NORMAL
    this.#path = behaviour?.match?.path === undefined ? undefined : new RegExp(behaviour.match.path)
    this.emit('change')
  }

  /** What holds for a request to this host and target (path and query). */
  for(host: string, target: string): Behaviour {
    const { match } = this.#current
    if (match?.host !== undefined && match.host !== host) return NORMAL
    return this.#path === undefined || this.#path.test(target) ? this.#current : NORMAL
  }
}
