import t from 'tap'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { KeySets, readKeySet } from '../../../policy/tenant/key-sets.ts'
import type { Key } from '../../../policy/tenant/key-sets.ts'
import { makeHead } from '../providers/recording.ts'

const TID = '11111111-2222-3333-4444-555555555555'
const OTHER = '99999999-2222-3333-4444-555555555555'
const NOW = 1_800_000_000

interface Pair {
  readonly jwk: Key
  readonly sign: (claims: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>
}

async function makePair(kid: string, extra: Partial<Key> = {}): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  return {
    jwk: { ...await exportJWK(publicKey), kid, ...extra },
    sign: (claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, ...header }).sign(privateKey),
  }
}

const claims = (more: Record<string, unknown> = {}) => ({ tid: TID, iss: `https://sts.windows.net/${TID}/`, exp: NOW + 3600, nbf: NOW - 60, ...more })
const setOf = (...keys: readonly Key[]) => Buffer.from(JSON.stringify({ keys }))

async function told(sets: KeySets, token: string, account: 'microsoft' | 'google' = 'microsoft') {
  await sets.verify(account, token, token)
  return sets.signature(token)
}

t.test('a signature is valid where a known key made it, in its time, for a tenant that its issuer speaks for', async t => {
  const pair = await makePair('k1')
  const sets = new KeySets([[pair.jwk]], () => NOW * 1000)
  for (const [why, wanted, token] of [
    ['version 1', 'valid', pair.sign(claims())],
    ['version 2', 'valid', pair.sign(claims({ iss: `https://login.microsoftonline.com/${TID}/v2.0` }))],
    ['over', undefined, pair.sign(claims({ exp: NOW - 301 }))],
    ['not yet', undefined, pair.sign(claims({ nbf: NOW + 301 }))],
    ['without an end', undefined, pair.sign({ ...claims(), exp: undefined })],
    ['another directory\'s issuer', undefined, pair.sign(claims({ iss: `https://sts.windows.net/${OTHER}/` }))],
    ['another issuer', undefined, pair.sign(claims({ iss: 'https://evil.example/' }))],
    ['a key that is not known', undefined, pair.sign(claims(), { kid: 'k2' })],
  ] as const) t.equal(await told(sets, await token), wanted, why)
  t.equal(await told(sets, await pair.sign({ hd: 'contoso.example', iss: 'https://accounts.google.com', exp: NOW + 1 }), 'google'), 'valid')
  t.equal(await told(sets, await pair.sign({ hd: 'contoso.example', iss: 'https://evil.example', exp: NOW + 1 }), 'google'), undefined)
})

t.test('a signature that a known key did not make is forged, and so is none', async t => {
  const [pair, evil] = [await makePair('k1'), await makePair('k1')]
  const sets = new KeySets([[pair.jwk]], () => NOW * 1000)
  t.equal(await told(sets, await evil.sign(claims())), 'forged')
  const [head = '', , signature = ''] = (await pair.sign(claims())).split('.')
  const changed = Buffer.from(JSON.stringify(claims({ tid: OTHER, iss: `https://sts.windows.net/${OTHER}/` }))).toString('base64url')
  t.equal(await told(sets, `${head}.${changed}.${signature}`), 'forged')
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  t.equal(await told(sets, `${part({ alg: 'none' })}.${part(claims())}.`), 'forged')
  t.equal(await told(sets, `${part({ alg: 'HS256', kid: 'k1' })}.${part(claims())}.${signature}`), 'forged', 'a public key is no secret')
  t.equal(await told(sets, await evil.sign(claims(), { nonce: 'n' })), undefined, 'Graph\'s tokens cannot be checked as they are')
  for (const text of ['opaque', 'a.b.c', '..', '']) t.equal(await told(sets, text), undefined, text)
})

t.test('keys are learned from the sets that all directories share', async t => {
  const [shared, own] = [await makePair('k1', { issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }),
    await makePair('k2', { issuer: `https://login.microsoftonline.com/${OTHER}/v2.0` })]
  const sets = new KeySets([], () => NOW * 1000)
  const token = await shared.sign(claims())
  t.equal(await told(sets, token), undefined)
  t.equal(sets.mayTell(token), false, 'nothing new could be said')
  sets.learn('google', setOf(shared.jwk))
  t.equal(await told(sets, token), undefined, 'another account\'s keys')
  sets.learn('microsoft', setOf(shared.jwk, own.jwk))
  t.equal(sets.mayTell(token), true)
  t.equal(await told(sets, token), 'valid')
  t.equal(await told(sets, await own.sign(claims())), undefined, 'a key of one directory speaks for that one')
  sets.learn('microsoft', Buffer.from('no json'))
  sets.learn('microsoft', setOf(...Array.from({ length: 101 }, () => own.jwk)))
  t.equal(await told(sets, token), 'valid', 'what is no set, or too large, changes nothing')

  const asks = (host: string, path: string, query = '') => sets.isSource(makeHead({ method: 'GET', host, path, query, headers: [] }))
  t.equal(asks('login.microsoftonline.com', '/common/discovery/v2.0/keys'), true)
  t.equal(asks('www.googleapis.com', '/oauth2/v3/certs'), true)
  t.equal(asks('login.microsoftonline.com', '/common/discovery/v2.0/keys', 'appid=x'), false, 'keys that a directory\'s owner made')
  t.equal(asks('login.microsoftonline.com', `/${TID}/discovery/v2.0/keys`), false)
  t.equal(asks('graph.microsoft.com', '/common/discovery/v2.0/keys'), false)
  t.equal(readKeySet('{"keys":[{"kty":"oct","kid":"s","k":"AA"}]}')?.length, 0, 'a shared secret is no public key')
})
