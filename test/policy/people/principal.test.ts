import t from 'tap'
import { realmOf, userOfPrincipal } from '../../../policy/people/principal.ts'

const HOME = ['EXAMPLE.COM', 'LAB.EXAMPLE.COM']

t.test('users of home realms are known by their names, others by name and realm', (t) => {
  const cases: readonly [string, string][] = [
    ['anna@EXAMPLE.COM', 'anna'], ['anna@LAB.EXAMPLE.COM', 'anna'], ['Anna.Müller@EXAMPLE.COM', 'Anna.Müller'], ['anna/admin@EXAMPLE.COM', 'anna/admin'],
    ['anna@OTHER.COM', 'anna@OTHER.COM'], ['anna@example.com', 'anna@example.com'], ['PC7$@EXAMPLE.COM', 'PC7$'],
  ]
  for (const [principal, user] of cases) t.equal(userOfPrincipal(principal, HOME), user, principal)
  t.equal(userOfPrincipal('anna@EXAMPLE.COM', []), 'anna@EXAMPLE.COM')
  t.equal(realmOf('HTTP/proxy.example.com@EXAMPLE.COM'), 'EXAMPLE.COM')
  t.equal(realmOf('HTTP/proxy'), '')
  t.end()
})

t.test('what could pass for another, or is nobody, is no user', (t) => {
  const principals = [
    '', 'anna', '@EXAMPLE.COM', 'anna@', 'anna\\@EXAMPLE.COM@OTHER.COM', 'anna@EXAMPLE.COM@OTHER.COM', 'anna\\/admin@EXAMPLE.COM', 'an\nna@EXAMPLE.COM', ' anna@EXAMPLE.COM',
    'WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS', 'WELLKNOWN/ANONYMOUS@EXAMPLE.COM', `${'x'.repeat(257)}@EXAMPLE.COM`,
  ]
  for (const principal of principals) t.equal(userOfPrincipal(principal, HOME), null, principal)
  t.end()
})
