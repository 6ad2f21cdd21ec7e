/** Whose a client's certificate is (`proxy.auth: mtls`). It has been verified before: here it is only read. */
import type { PeerCertificate } from 'node:tls'

/** As events and rules can carry it, and nothing that could pass as another field of a header or a line of a log. */
const NAME = /^[^\p{C}\p{Z}"](?:[^\p{C}]{0,254}[^\p{C}\p{Z}])?$/u
/** One name of `subjectaltname` as Node writes it: what holds a comma or a quote is in quotes (CVE-2021-44532). */
const ALTERNATIVE = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y

/** The first e-mail address among the alternative names, else the common name; null where there is neither, or not one that can be told. */
export function userOf(certificate: Pick<PeerCertificate, 'subjectaltname'> & { readonly subject?: { readonly CN?: unknown } }): string | null {
  const user = firstEmail(certificate.subjectaltname ?? '') ?? certificate.subject?.CN
  // Several common names come as a list: which of them would count is anybody's guess.
  return typeof user === 'string' && NAME.test(user) ? user : null
}

/** Name by name from the left: what is within quotes is another name's text, however much it looks like an address. */
function firstEmail(names: string): string | undefined {
  ALTERNATIVE.lastIndex = 0
  for (let found = ALTERNATIVE.exec(names); found !== null; found = ALTERNATIVE.exec(names)) {
    const [, kind, value = ''] = found
    if (kind === 'email') return value
    if (ALTERNATIVE.lastIndex >= names.length) break
  }
  return undefined
}
