import t from 'tap'
import { isUsable, readBasic } from '../../../proxy/people/basic.ts'

const encoded = (text: string | Buffer): string => Buffer.from(text).toString('base64')
const read = (...fields: string[]): unknown => readBasic(['Host', 'x', ...fields.flatMap(field => ['Proxy-Authorization', field])])

t.test('user and password as RFC 7617 writes them', (t) => {
  t.strictSame(read(`Basic ${encoded('anna:p:w')}`), { user: 'anna', password: 'p:w' })
  t.strictSame(read(`bAsIc  ${encoded('a\u0308nna:träume')} `), { user: 'änna', password: 'träume' }, 'names in one form, passwords as they are')
  t.strictSame(readBasic(['proxy-authorization', `Basic ${encoded('a:b')}`]), { user: 'a', password: 'b' })
  t.equal(read(), 'none')
  t.end()
})

t.test('what could be nobody\'s password is not checked', (t) => {
  const fields = [
    '', 'Basic', 'Basic ', 'Bearer x', 'Basic !', `Basic ${encoded('anna')}`, `Basic ${encoded(':pw')}`, `Basic ${encoded('anna:')}`, `Basic ${encoded('an\0na:x')}`,
    `Basic ${encoded('anna:x\n')}`, `Basic ${encoded(Buffer.from([0x61, 0x3a, 0xff]))}`, `Basic ${encoded(' anna:x')}`, `Basic ${encoded(`${'x'.repeat(257)}:x`)}`,
    `Basic ${encoded(`a:${'x'.repeat(1_025)}`)}`, `Basic ${'A'.repeat(1_000_000)}`, `Basic ${encoded('a:b')},Basic ${encoded('a:b')}`,
  ]
  for (const field of fields) t.equal(read(field), 'wrong', field.slice(0, 60))
  t.equal(read(`Basic ${encoded('a:b')}`, `Basic ${encoded('a:b')}`), 'wrong', 'two of them')
  t.notOk(isUsable(''))
  t.end()
})
