/** Negotiate as it is written on the wire (RFC 4559), and what tokens of other mechanisms than Kerberos look like. Pure. */
import { shownField } from './shown-field.ts'

/** What a client is asked with. */
export const CHALLENGE = 'Negotiate'

/** Windows makes tickets of up to 48,000 bytes, 64,000 characters here; the limit of a request's head comes soon after. */
const MAX_FIELD = 65_536
const FORM = /^Negotiate +([A-Za-z0-9+/]+={0,2}) *$/i

/** MS-NLMP §2.2.1: how its messages begin, where they come as they are. */
const NTLM = Buffer.from('NTLMSSP\0', 'latin1')
/** 1.3.6.1.4.1.311.2.2.10 in DER: its name among the mechanisms of SPNEGO. */
const NTLM_MECHANISM = Buffer.from('060a2b06010401823702020a', 'hex')

/** A token's bytes; `none`: the client shows nothing; `wrong`: what it shows is no token. */
export function readNegotiate(rawHeaders: readonly string[]): Buffer | 'none' | 'wrong' {
  const field = shownField(rawHeaders)
  if (field === null) return 'none'
  if (field === 'several') return 'wrong'
  const encoded = field.text.length > MAX_FIELD ? undefined : FORM.exec(field.text)?.[1]
  // Node takes cut base64 too, and a single sign as nothing.
  return encoded === undefined || encoded.length % 4 !== 0 ? 'wrong' : Buffer.from(encoded, 'base64')
}

export function isNtlm(token: Buffer): boolean {
  return token.subarray(0, NTLM.length).equals(NTLM)
}

/** Whether SPNEGO offers NTLM, as a client does that got no ticket. For the log alone. */
export function offersNtlm(token: Buffer): boolean {
  return token.includes(NTLM_MECHANISM)
}
