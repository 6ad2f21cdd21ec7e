/** The directory file, the networks and the names: what is read, and what is refused with its place. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { SluiceError } from '../../../policy/errors.ts'
import { parseDirectory } from '../../../policy/people/directory.ts'
import { placeFinder, union } from '../../../policy/people/networks.ts'
import { formatPasswordHash, parsePasswordHash } from '../../../policy/people/password-hash.ts'
import { fold, nameFault } from '../../../policy/people/person.ts'

const HASH = formatPasswordHash({ ln: 15, salt: randomBytes(16), hash: randomBytes(32) })

t.test('users with passwords, groups from both sides, and addresses', (t) => {
  const { members, places } = parseDirectory(`
users:
  Anna: { password: "${HASH}", groups: [Finance], addresses: [10.1.2.7, "2001:db8::/64"] }
  bob:
  __proto__: { groups: [odd] }
groups:
  finance: [anna, bob]
  pilots: [BOB]
`, 'users.yaml')
  t.strictSame([...members.keys()], ['anna', 'bob', '__proto__'])
  t.match(members.get('anna'), { name: 'Anna', groups: ['Finance'], password: { ln: 15 } })
  t.strictSame(members.get('bob'), { name: 'bob', password: null, groups: ['finance', 'pilots'] })
  t.strictSame(places, [
    { network: '10.1.2.7/32', person: { user: 'Anna' } }, { network: '2001:db8::/64', person: { user: 'Anna' } },
  ])
  t.strictSame(parseDirectory('', 'x').members.size, 0)
  t.end()
})

t.test('each fault is told with its line, and no password is repeated', (t) => {
  const cases: readonly [yaml: string, says: RegExp][] = [
    ['users:\n  anna: { password: hunter2 }', /users\/anna\/password must be a line that sluice user hash prints.*\(at 2:11\)/],
    ['users:\n  anna: { pasword: x }', /users\/anna\/pasword is not a known key.*2:/],
    ['users:\n  anna: {}\n  Anna: {}', /users\/Anna is a user who stands here twice.*3:3/],
    ['users:\n  "a:b": {}', /without a colon/],
    ['users:\n  " a": {}', /without spaces/],
    ['users: [anna]', /users must be a map/],
    ['users:\n  anna: { groups: finance }', /users\/anna\/groups must be a list/],
    ['users:\n  anna: { groups: [12] }', /users\/anna\/groups\/0 must be a text/],
    ['users:\n  anna: { addresses: [10.0.0.1/8] }', /has bits set behind its prefix/],
    ['users:\n  anna: { addresses: [10.0.0.1] }\n  bob: { addresses: [10.0.0.1] }', /users\/bob\/addresses\/0 is an address of anna already.*3:/],
    ['users: {}\ngroups:\n  x: [anna]', /groups\/x\/0 names anna, who is no user.*3:/],
    ['user: {}', /user is not a known key; known are users, groups/],
    ['users:\n  anna: {}\n  anna: {}', /anna stands here twice/],
    ['users: {', /not clean YAML/],
  ]
  for (const [yaml, says] of cases) {
    try {
      parseDirectory(yaml, 'users.yaml')
      t.fail(yaml)
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      t.equal(error.code, 'people.invalid')
      t.match(error.message, says)
      t.notMatch(error.message, 'hunter2')
      t.notMatch(JSON.stringify(error.faults), 'hunter2')
    }
  }
  t.end()
})

t.test('of the networks that hold an address, the longest counts and no other', (t) => {
  const at = placeFinder([
    { network: '10.0.0.0/8', person: { groups: ['staff'] } },
    { network: '10.1.0.0/16', person: { user: 'lab', groups: ['lab'] } },
    { network: '10.1.2.3/32', person: { user: 'anna' } },
    { network: '10.1.2.3/32', person: { user: 'bob', groups: ['desk'] } },
    { network: '2001:db8::/32', person: { user: 'six' } },
  ])
  t.strictSame(at('10.9.9.9'), { groups: ['staff'] })
  t.strictSame(at('10.1.9.9'), { user: 'lab', groups: ['lab'] })
  t.strictSame(at('10.1.2.3'), { user: 'anna', groups: ['desk'] })
  t.strictSame(at('2001:db8::1'), { user: 'six' })
  t.strictSame(at('192.0.2.1'), {})
  t.strictSame(at('no address'), {})
  t.strictSame(placeFinder([])('10.0.0.1'), {})
  t.end()
})

t.test('groups add up, each once', (t) => {
  t.strictSame(union(['a', 'B'], ['b', 'c']), ['a', 'B', 'c'])
  t.strictSame(union(undefined, ['a']), ['a'])
  t.strictSame(union(['a'], undefined), ['a'])
  t.equal(union(undefined, undefined), undefined)
  t.end()
})

t.test('names are compared without case, and may not hide anything', (t) => {
  t.equal(fold('ÄNNA'), fold('a\u0308nna'))
  for (const name of ['', ' a', 'a ', 'a  b', 'a\nb', 'a\u0085', 'a\u2028b', 'x'.repeat(257)]) t.type(nameFault(name), 'string')
  for (const name of ['anna', 'CONTOSO\\anna', 'Finance, EU', '(uid=*)', '財務']) t.equal(nameFault(name), null)
  t.end()
})

t.test('a hash of a password is of one form and cost', (t) => {
  t.match(parsePasswordHash(HASH), { ln: 15 })
  const broken = [
    '', 'x', HASH.replace('ln=15', 'ln=14'), HASH.replace('ln=15', 'ln=18'), HASH.replace('r=8', 'r=1'), HASH.replace('p=1', 'p=9'), `${HASH}\n`, HASH.slice(0, -30),
    HASH.replace('scrypt', 'argon2id'),
  ]
  for (const text of broken) t.equal(parsePasswordHash(text), null, text)
  t.end()
})
