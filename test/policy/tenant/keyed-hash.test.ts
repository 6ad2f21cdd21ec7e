import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import t from 'tap'
import { keyedHash } from '../../../policy/tenant/keyed-hash.ts'

t.test('it is the HMAC-SHA256 of RFC 2104, whatever the key and the text are', async t => {
  // RFC 4231 §4.3
  t.equal(keyedHash(createSecretKey(Buffer.from('Jefe')))('what do ya want for nothing?', 'utf8'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
  for (const length of [1, 32, 63, 64, 65, 131, 4_096]) {
    const key = createSecretKey(randomBytes(length))
    const ours = keyedHash(key)
    for (const text of ['', 'a', 'é\u{1f600}', 'x'.repeat(16 * 1024), 'ü'.repeat(40_000), 'b', '\ud800']) {
      for (const encoding of ['utf8', 'utf16le'] as const) {
        t.equal(ours(text, encoding), createHmac('sha256', key).update(text, encoding).digest('hex'), `${length} bytes, ${text.length} characters, ${encoding}`)
      }
    }
  }
})
