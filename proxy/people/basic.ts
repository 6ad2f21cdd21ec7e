/** Basic proxy authentication as it is written on the wire (RFC 7617). Pure. */
import { nameFault } from '../../policy/people/person.ts'
import { shownField } from './shown-field.ts'

export interface Credential {
  /** Never empty. */
  readonly user: string
  /** Never empty: a directory service takes a bind without a password for one of nobody, and lets it pass (RFC 4513 §5.1.2). */
  readonly password: string
}

/** What a client is asked with. RFC 7617 §2.1: the charset says that names and passwords are read as UTF-8. */
export const CHALLENGE = 'Basic realm="sluice", charset="UTF-8"'

/** Longer ones are no passwords, but work for whoever hashes them. */
const MAX_PASSWORD_BYTES = 1_024
/** A name of 256 characters and such a password, in base64. */
const MAX_FIELD = 4_096
const FORM = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i

/** `none`: the client shows no credential; `wrong`: what it shows is none that could be right. */
export function readBasic(rawHeaders: readonly string[]): Credential | 'none' | 'wrong' {
  const field = shownField(rawHeaders)
  if (field === null) return 'none'
  if (field === 'several') return 'wrong'
  const encoded = field.text.length > MAX_FIELD ? undefined : FORM.exec(field.text)?.[1]
  const text = encoded === undefined ? null : utf8(Buffer.from(encoded, 'base64'))
  const colon = text?.indexOf(':') ?? -1
  if (text === null || colon < 1) return 'wrong'
  const user = text.slice(0, colon).normalize('NFC')
  const password = text.slice(colon + 1)
  return nameFault(user) === null && isUsable(password) ? { user, password } : 'wrong'
}

/** RFC 7617 §2: neither name nor password may hold control characters. */
export function isUsable(password: string): boolean {
  return password !== '' && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES && !/[\u0000-\u001f\u007f]/.test(password)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function utf8(bytes: Buffer): string | null {
  try {
    return strict.decode(bytes)
  } catch {
    return null
  }
}
