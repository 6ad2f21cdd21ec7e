import fc from 'fast-check'
import { FilterParser } from 'ldapts'
import t from 'tap'
import { fillFilter, firstValue } from '../../../policy/people/ldap-text.ts'

t.test('whatever a name is, it stays a value of the filter', (t) => {
  const name = fc.oneof(fc.string(), fc.array(fc.constantFrom('*', '(', ')', '\\', '\0', 'u', '=', '|', '&', '{user}', '{dn}')).map(parts => parts.join('')))
  fc.assert(fc.property(name, (user) => {
    fc.pre(user.isWellFormed())
    const filter = FilterParser.parseString(fillFilter('(&(objectClass=person)(uid={user}))', { user }))
    const [, uid] = 'filters' in filter && Array.isArray(filter.filters) ? filter.filters : []
    return uid?.attribute === 'uid' && uid.value === user
  }), { numRuns: 2_000 })
  t.equal(fillFilter('(a={user})(b={dn})', { user: '{dn}', dn: 'x' }), '(a={dn})(b=x)', 'a value is not filled again')
  t.equal(fillFilter('(a={toString})', {}), '(a={toString})')
  t.end()
})

t.test('the first value of a distinguished name', (t) => {
  const cases: readonly [dn: string, value: string | null][] = [
    ['cn=finance,ou=groups,dc=example', 'finance'],
    ['CN=Finance\\, EU,OU=Groups', 'Finance, EU'],
    ['cn=a\\2Cb\\+c\\\\,ou=x', 'a,b+c\\'],
    ['cn=B\\c3\\bcro,ou=x', 'Büro'],
    ['cn=Büro , ou=x', 'Büro'],
    ['uid=1+cn=two,ou=x', 'two'],
    ['ou=groups,cn=finance', null],
    ['finance', null],
    ['cn=\\ff,ou=x', null],
    ['', null],
  ]
  for (const [dn, value] of cases) t.equal(firstValue(dn, 'cn'), value, dn)
  t.end()
})
