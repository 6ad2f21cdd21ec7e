import t from 'tap'
import { readCredential } from '../../../policy/tenant/credential.ts'
import { lifetimeOf } from '../../../policy/tenant/lifetime.ts'
import { makeHead } from '../providers/recording.ts'

const read = (headers: [string, string][], query = '') =>
  readCredential(makeHead({ method: 'POST', host: 'www.googleapis.com', path: '/', query, headers }))

t.test('a bearer token is found in the header or in the query', async t => {
  const one = { is: 'one', token: 'abc' }
  for (const text of ['Bearer abc', 'bearer  abc', 'OAuth abc', 'Bearer abc ']) t.strictSame(read([['authorization', text]]), one, text)
  for (const query of ['access_token=abc', 'ACCESS_TOKEN=abc', 'oauth_token=abc', 'authorization=Bearer%20abc', 'a=1&%61ccess_token=abc']) {
    t.strictSame(read([], query), one, query)
  }
  t.strictSame(read([['authorization', 'Bearer abc']], 'access_token=abc'), one, 'the same twice is one')
  t.strictSame(read([['authorization', 'Bearer sl.u.AF-x:y|z!~']]), { is: 'one', token: 'sl.u.AF-x:y|z!~' })
})

t.test('two that differ are several', async t => {
  const several = { is: 'several' }
  t.strictSame(read([['authorization', 'Bearer abc']], 'access_token=xyz'), several)
  t.strictSame(read([], 'access_token=abc&access_token=xyz'), several)
  t.strictSame(read([['authorization', 'Bearer abc'], ['authorization', 'Bearer abc']]), several)
  t.strictSame(read([['authorization', 'Basic YTpi'], ['authorization', 'Bearer abc']]), several)
  t.strictSame(read([['authorization', 'Bearer abc'], ['authorization', 'Basic YTpi']]), several)
})

t.test('what is no bearer token is none', async t => {
  for (const text of ['Basic YTpi', 'Bearer', 'Bearer ', 'Negotiate abc', 'AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=c, Signature=d', `Bearer ${'a'.repeat(20_000)}`]) {
    t.strictSame(read([['authorization', text]]), { is: 'none' }, text.slice(0, 40))
  }
  t.strictSame(read([], 'token_type=x&access_token='), { is: 'none' })
})

t.test('a token lives as long as it says, a day at most', async t => {
  const jwt = (exp: unknown) => `e30.${Buffer.from(JSON.stringify({ exp })).toString('base64url')}.x`
  t.equal(lifetimeOf(jwt(1_000), 400_000), 600_000)
  t.equal(lifetimeOf(jwt(1_000), 2_000_000), 60_000, 'a minute where it is over')
  t.equal(lifetimeOf(jwt(1e15), 0), 86_400_000)
  for (const token of ['opaque', jwt('soon'), jwt(null), 'a.b.c']) t.equal(lifetimeOf(token, 0), 14_400_000, token)
})
