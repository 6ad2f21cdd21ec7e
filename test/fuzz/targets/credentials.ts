/** What clients show for who they are: passwords and tickets as they are written, and principals as a KDC names them. */
import { nameFault } from '../../../policy/people/person.ts'
import { userOfPrincipal } from '../../../policy/people/principal.ts'
import { isUsable, readBasic } from '../../../proxy/people/basic.ts'
import { isNtlm, offersNtlm, readNegotiate } from '../../../proxy/people/negotiate.ts'
import { hold } from '../target.ts'
import type { Target } from '../target.ts'

const HOME = 'EXAMPLE.COM'

export const target: Target = {
  name: 'credentials',
  sources: ['proxy/people/basic.ts', 'proxy/people/negotiate.ts', 'policy/people/principal.ts', 'policy/people/person.ts'],
  dictionary: ['Basic ', 'Negotiate ', 'NTLM ', ',', '=', '==', 'TlRMTVNTUAAB', 'YWJj', 'YTpi', ' ', '\t', '@EXAMPLE.COM', '@OTHER.COM', '@', '\\@', '\\', '/', 'WELLKNOWN/ANONYMOUS', 'WELLKNOWN:', '\x00', '\xc3\xa4'],
  maxLength: 70_000,
  open: async () => ({
    starts: ['Basic YW5uYTpwdw==', 'Negotiate YIIC', 'negotiate  TlRMTVNTUAABAAAA ', 'anna@EXAMPLE.COM', 'anna/admin@EXAMPLE.COM', 'anna\\@EXAMPLE.COM@OTHER.COM',
      'WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS'].map(text => Buffer.from(text)),
    run,
  }),
}

function run(bytes: Buffer): void {
  const field = bytes.toString('latin1')
  const fields = ['Host', 'x', 'Proxy-Authorization', field]
  const twice = [...fields, 'proxy-authorization', field]
  const password = readBasic(fields)
  hold(readBasic(twice) === 'wrong' && readNegotiate(twice) === 'wrong', 'two credentials count as one')
  if (typeof password === 'object') {
    hold(nameFault(password.user) === null && !password.user.includes(':') && isUsable(password.password), 'a credential that none may have')
  }
  const token = readNegotiate(fields)
  if (typeof token === 'object') {
    hold(typeof password === 'string', 'a ticket that is a password too')
    hold(token.length > 0 && field.includes(token.toString('base64').slice(0, -4)), 'other bytes than were shown')
    hold(!isNtlm(token) || token.length >= 8, 'NTLM in too few bytes')
    offersNtlm(token)
  }
  const principal = bytes.toString('utf8')
  const user = userOfPrincipal(principal, [HOME])
  if (user === null) return
  hold(nameFault(user) === null && !user.includes('\\'), 'a user that none may be')
  hold(user.includes('@') ? user === principal && !user.endsWith(`@${HOME}`) : principal === `${user}@${HOME}`, 'a user who is another\'s')
}
