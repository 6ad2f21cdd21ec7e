import t from 'tap'
import { isHostName, isWithin, minimalDomains } from '../../certs/names.ts'

t.test('a leaf is made for canonical host names only', async t => {
  const label = 'a'.repeat(63)
  const accepted = ['dropbox.com', 'a.b', 'xn--bcher-kva.example', '1drv.ms', 'my-host.example',
    `${label}.${label}.example`]
  for (const name of accepted) t.ok(isHostName(name), name)
  const refused = [
    '', 'localhost', 'com', '.dropbox.com', 'dropbox.com.', 'a..b', '*.dropbox.com', 'Dropbox.com', '-a.example',
    'a-.example', 'a_b.example', 'a b.example', 'a.example\n', 'a.example\0.b', 'bücher.example', 'ａ.example', '1.2.3.4', '127.1', 'a.1',
    'a.0x7f', 'a.0x', '::1', '[::1]', 'a.example:443',
    'user@a.example', '../a.example', 'a/b.example', `${label}a.example`,
    `${`${label}.`.repeat(4)}example`,
  ]
  for (const name of refused) t.notOk(isHostName(name), JSON.stringify(name.slice(0, 40)))
})

t.test('a domain covers itself and what lies below it, on a label boundary', async t => {
  t.ok(isWithin('dropbox.com', 'dropbox.com'))
  t.ok(isWithin('a.b.dropbox.com', 'dropbox.com'))
  t.notOk(isWithin('evildropbox.com', 'dropbox.com'))
  t.notOk(isWithin('dropbox.com.evil.example', 'dropbox.com'))
  t.notOk(isWithin('dropbox.com', '.dropbox.com'))
  t.ok(isWithin('a.dropbox.com', '.dropbox.com'))
})

t.test('domains are reduced to the shortest list', async t => {
  t.same(minimalDomains(['www.dropbox.com', 'dropbox.com', 'dropbox.com', 'box.com']), ['box.com', 'dropbox.com'])
  t.throws(() => minimalDomains([]), { code: 'ca.no-domains' })
  for (const domain of ['com', '*.box.com', '.box.com', 'Box.com']) {
    t.throws(() => minimalDomains([domain]), { code: 'ca.name-refused' }, domain)
  }
})
