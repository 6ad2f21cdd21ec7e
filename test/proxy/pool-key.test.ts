import t from 'tap'
import { readHead } from '../../proxy/head.ts'
import { poolKey } from '../../proxy/pool-key.ts'
import type { Tunnel } from '../../proxy/tunnel.ts'

const plain = readHead({ method: 'GET', url: '/', rawHeaders: ['Host', 'a.example'], httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', false)
const bound = readHead({
  method: 'GET', url: '/', rawHeaders: ['Host', 'a.example', 'Authorization', 'NTLM x'], httpVersionMajor: 1, httpVersionMinor: 1,
}, 'https', false)

function key(ip: string, user: string | undefined, id: string | null = '1', head = plain, isShared = false): string {
  const peer = { ip, port: 1 }
  const tunnel: Tunnel | null = id === null ? null : {
    id, peer, at: 0, startedAt: 0, host: 'a.example', port: 443, serverName: 'a.example', pinned: false, destroy: () => undefined, touch: () => undefined,
  }
  return poolKey({ peer, tunnel, scheme: 'https', expects: false }, head, user, isShared)
}

t.test('connections are shared by one user, or one address where nobody says who he is', (t) => {
  t.equal(key('10.0.0.1', 'anna'), key('10.0.0.2', 'anna', '2'))
  t.not(key('10.0.0.1', 'anna'), key('10.0.0.1', 'bob'))
  t.not(key('10.0.0.1', 'anna'), key('10.0.0.1', undefined))
  t.equal(key('10.0.0.1', undefined), key('10.0.0.1', undefined, '2'))
  t.not(key('10.0.0.1', undefined), key('10.0.0.2', undefined))
  t.not(key('10.0.0.1', 'anna', null), key('10.0.0.1', 'bob', null), 'a program in between may bring several on one connection')
  t.not(key('10.0.0.1', 'anna', '1', bound), key('10.0.0.1', 'anna', '2', bound))
  t.end()
})

t.test('where everybody shares, only calls that each bring a token do', (t) => {
  const with_ = (...fields: string[]) => readHead({ method: 'GET', url: '/', rawHeaders: ['Host', 'a.example', ...fields], httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', false)
  const shared = (...fields: string[]): string => key('10.0.0.1', 'anna', '1', with_(...fields), true)
  const own = key('10.0.0.1', 'anna')
  t.equal(shared('Authorization', 'Bearer a'), key('10.0.0.2', 'bob', '2', with_('Authorization', 'bearer b'), true))
  for (const fields of [[], ['Authorization', 'Basic a'], ['Authorization', 'Bearer a', 'Cookie', 'b=c']]) t.equal(shared(...fields), own, fields.join())
  for (const scheme of ['NTLM a', 'Negotiate a', 'Kerberos a', 'Bearer', 'nothing-known a']) t.equal(shared('Authorization', scheme), 'pinned 1', scheme)
  t.match(key('10.0.0.1', 'anna', null, with_('Authorization', 'Bearer a'), true), /^plain /)
  t.not(key('10.0.0.1', 'everybody'), shared('Authorization', 'Bearer a'))
  t.end()
})

t.test('no name makes the key of something else', (t) => {
  const others = [key('10.0.0.1', undefined), key('10.0.0.1', undefined, null), key('10.0.0.1', undefined, '7', bound), key('10.0.0.1', 'anna')]
  for (const name of [...others, '10.0.0.1', '10.0.0.1#7', 'anna#7', 'pinned 7']) t.notOk(others.includes(key('10.9.9.9', name)), name)
  t.end()
})
