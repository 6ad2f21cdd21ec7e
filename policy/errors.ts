/**
 * Errors that people and programs read. Each carries a stable `code`, one clear sentence that names
 * the place, and the remedy.
 */

export const ERROR_CODES = [
  'config.unknown-key', 'config.invalid', 'config.unreadable', 'usage',
  'policy.invalid', 'policy.duplicate-rule', 'policy.unreadable', 'policy.stale', 'policy.precondition-required',
  'policy.differs', 'cases.invalid', 'cases.failed',
  'exception.not-found', 'exception.conflict', 'exception.invalid', 'break-glass.invalid',
  'rule.not-found', 'rule.stale', 'revision.not-found', 'tenant.stale', 'idempotency.mismatch', 'idempotency.running',
  'event.not-found', 'events.busy', 'simulate.busy', 'pseudonym-key.unreadable', 'pseudonym-key.weak',
  'people.invalid', 'kerberos.unavailable', 'kerberos.keytab', 'tenant.invalid', 'tenant.not-found', 'token.not-found', 'binding-key.unreadable', 'binding-key.weak',
  'store.unreachable', 'store.corrupt', 'store.locked', 'store.invalid-url', 'store.newer', 'store.not-empty', 'store.read-only',
  'audit.broken', 'backup.unreadable', 'backup.unwritable',
  'admin.unauthorised', 'admin.forbidden', 'admin.not-found', 'admin.wrong-method', 'admin.invalid', 'admin.too-large',
  'admin.too-many-requests', 'admin.locked-out', 'admin.issuer-unreachable', 'token.expired', 'token.last-admin',
  'listen.in-use', 'listen.refused', 'environment.unsafe', 'internal',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

/** A fault in one place of a document: `path` is a JSON pointer or a key (`rules/1/when/size`). */
export interface Fault {
  readonly path: string
  readonly message: string
}

export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  readonly code: ErrorCode
  /** What to do about it, one sentence. */
  readonly remedy: string
  readonly faults: readonly Fault[]

  constructor(code: ErrorCode, message: string, remedy = '', options: { faults?: readonly Fault[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.remedy = remedy
    this.faults = options.faults ?? []
  }
}

/** Runs `read`; a `SluiceError` of it is told as one of `place`, with `path` before the paths of its faults. */
export function atPlace<T>(place: string, path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const { code, message, remedy } = error
    const faults = error.faults.length === 0 ? [{ path, message }]
      : error.faults.map(fault => ({ ...fault, path: `${path}/${fault.path}` }))
    throw new SluiceError(code, `${place}: ${message}`, remedy, { faults, cause: error })
  }
}

/** A text as a sentence: what ends without a stop gets one. */
export function sentence(text: string): string {
  return text === '' || /[.?!]$/.test(text) ? text : `${text}.`
}

/** The nearest of `names` to `given` by edit distance, if it is near enough to be a slip. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      bestDistance = distance
      best = name
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      row.push(Math.min((row[j - 1] ?? 0) + 1, (previous[j] ?? 0) + 1, (previous[j - 1] ?? 0) + cost))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
