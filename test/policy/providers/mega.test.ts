import t from 'tap'
import { operation, verdict } from './cases.ts'

const request = 'POST g.api.mega.co.nz/cs?id=1&sid=x'
const commands = (...list: readonly object[]): string => JSON.stringify(list)

t.test('commands are told by the body', async t => {
  t.match(operation({ request, body: commands({ a: 'u', s: 70 }) }), { activity: 'upload', step: 'start', size: { bytes: 70, is: 'exact' } })
  const receipt = 'x'.repeat(27)
  for (const [body, wanted] of [
    [commands({ a: 'u', s: 70 }), 'upload start'],
    [commands({ a: 'p', t: 'parentid', n: [{ h: receipt, t: 0, a: 'x', k: 'x' }] }), 'upload finish'],
    [commands({ a: 'p', t: 'parentid', n: [{ h: 'nodenode', t: 0 }] }), 'change single'],
    [commands({ a: 'p', t: 'parentid', n: [{ h: 'xxxxxxxx', t: 1 }] }), 'change single'],
    [commands({ a: 'f', c: 1 }), 'list single'],
    [commands({ a: 'g', g: 1, n: 'nodenode' }), 'download single'],
    [commands({ a: 'd', n: 'nodenode' }), 'delete single'],
    [commands({ a: 'm', n: 'nodenode', t: 'parentid' }), 'change single'],
    [commands({ a: 'l', n: 'nodenode' }), 'share single'],
    [commands({ a: 'us', user: 'x' }), 'login single'],
    [commands({ a: 'ufa', fah: 'x', r: 1 }), 'list single'],
    [commands({ a: 'uga', u: 'user', ua: '*keyring', v: 1 }), 'list single'],
    [commands({ a: 'gmf' }), 'list single'],
    [commands({ a: 'utqa', nf: 2 }), 'list single'],
    [commands({ a: 'dv', n: 'nodenode' }), 'delete single'],
    [commands({ a: 'k', sr: ['nodenode'] }), 'share single'],
    [commands({ a: 'log' }), 'other single'],
    [commands({ a: 'f' }, { a: 'u', s: 1 }), 'upload batch'],
  ] as const) t.equal(verdict({ request, body }), wanted, body)
  t.match(operation({ request, body: commands({ a: 'u', s: 7 }, { a: 'u', s: 5 }) }), { size: { bytes: 12, is: 'exact' } })
  t.match(operation({ request, body: commands({ a: 'u', s: 7 }, { a: 'u' }) }), { size: { bytes: 7, is: 'at-least' } })
})

t.test('what cannot be read is the strictest that it may be', async t => {
  for (const body of ['', 'nonsense', '{}', '[]', '[1]', '[{"a":"f","a":"u"}]']) {
    t.equal(verdict({ request, body, length: 10 }), 'upload batch unexplained-body', body)
  }
  t.equal(verdict({ request, headers: { 'content-encoding': 'gzip' }, body: commands({ a: 'f' }) }), 'upload batch unexplained-body')
  t.equal(verdict({ request, length: 100 }), 'upload batch unexplained-body', 'before the body')
})

t.test('chunks carry their offset in the path', async t => {
  const chunk = 'POST gfs270n123.userstorage.mega.co.nz/ul/TOKEN/131072?c=x'
  t.match(
    operation({ request: chunk, length: 1000 }),
    { activity: 'upload', step: 'chunk', size: { bytes: 132_072, is: 'at-least' }, offset: 131_072, session: 'TOKEN' },
  )
  t.match(operation({ request: chunk, length: null }), { size: { bytes: 131_072, is: 'at-least' } })
  t.equal(verdict({ request: 'POST gfs270n123.userstorage.mega.co.nz/dl/TOKEN/0-1000' }), 'download single')
  t.equal(verdict({ request: 'POST gfs270n123.userstorage.mega.co.nz/other/TOKEN', length: 20_000 }), 'upload single unexplained-body')
})
