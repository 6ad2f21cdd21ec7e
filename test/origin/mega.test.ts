/** MEGA's protocol from the client's side, as https://mega.io/SecurityWhitepaper.pdf tells it: what the stand-in keeps is what was sent. */
import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync, randomBytes } from 'node:crypto'
import t from 'tap'
import { MEGA } from './mega-crypto.ts'
import { startOrigin } from './origin.ts'
import { ask } from './requests.ts'

const NO_IV = Buffer.alloc(16)

t.test('a client signs in with the password, makes a folder, uploads, lists and downloads', async t => {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  let sid = ''
  const api = async (command: object): Promise<Record<string, unknown>> => {
    const { text } = await ask(origin, `https://g.api.mega.co.nz/cs?id=1${sid === '' ? '' : `&sid=${sid}`}`, { method: 'POST', body: JSON.stringify([command]) })
    return JSON.parse(text)[0]
  }
  t.equal(await api({ a: 'f', c: 1 }), -15, 'nothing without a session')

  const { v, s } = await api({ a: 'us0', user: MEGA.user })
  t.equal(v, 2)
  const derived = pbkdf2Sync(MEGA.password, Buffer.from(String(s), 'base64url'), 100_000, 32, 'sha512')
  t.equal(await api({ a: 'us', user: MEGA.user, uh: 'AAAA' }), -9, 'another password')
  const login = await api({ a: 'us', user: MEGA.user, uh: derived.subarray(16).toString('base64url') })
  const master = ecb('decrypt', derived.subarray(0, 16), Buffer.from(String(login.k), 'base64url'))
  sid = sessionOf(ecb('decrypt', master, Buffer.from(String(login.privk), 'base64url')), Buffer.from(String(login.csid), 'base64url'))

  const listed = await api({ a: 'f', c: 1 })
  const root = (listed.f as { h: string; t: number }[]).find(node => node.t === 2)?.h
  const attributes = (name: string, key: Buffer): string => {
    const plain = Buffer.from(`MEGA${JSON.stringify({ n: name })}`)
    const cipher = createCipheriv('aes-128-cbc', key, NO_IV).setAutoPadding(false)
    return Buffer.concat([cipher.update(Buffer.concat([plain, Buffer.alloc((16 - plain.length % 16) % 16)])), cipher.final()]).toString('base64url')
  }
  const put = async (parent: unknown, node: object): Promise<string> => String(((await api({ a: 'p', t: parent, n: [node] })).f as { h: string }[])[0]?.h)
  const folderKey = randomBytes(16)
  const folder = await put(root, { h: 'xxxxxxxx', t: 1, a: attributes('snö', folderKey), k: ecb('encrypt', master, folderKey).toString('base64url') })

  const content = randomBytes(300_000)
  const [key, nonce] = [randomBytes(16), randomBytes(8)]
  const enciphered = createCipheriv('aes-128-ctr', key, Buffer.concat([nonce, Buffer.alloc(8)])).update(content)
  const { p: url } = await api({ a: 'u', s: content.length })
  const chunk = async (from: number, to: number): Promise<string> =>
    (await ask(origin, `${String(url)}/${from}`, { method: 'POST', body: enciphered.subarray(from, to) })).text
  t.equal(await chunk(131_072, 300_000), '')
  const completion = await chunk(0, 131_072)
  t.match(completion, /^[\w-]{36}$/)
  const mac = randomBytes(8)
  const whole = Buffer.concat([Buffer.from(key.map((byte, i) => byte ^ (Buffer.concat([nonce, mac])[i] ?? 0))), nonce, mac])
  const file = await put(folder, { h: completion, t: 0, a: attributes('file.bin', key), k: ecb('encrypt', master, whole).toString('base64url') })

  t.same(origin.stored(), [{
    provider: 'mega', path: '/snö/file.bin', name: 'file.bin', size: content.length, sha256: createHash('sha256').update(content).digest('hex'),
  }])
  t.equal(origin.fileBytes(), content.length)
  const { g, s: size } = await api({ a: 'g', g: 1, n: file })
  t.equal(size, content.length)
  t.equal((await ask(origin, `${String(g)}/16-31`)).headers['content-length'], '16')
  t.equal(await api({ a: 'p', t: folder, n: [{ h: completion, t: 0, a: attributes('again', key), k: ecb('encrypt', master, whole).toString('base64url') }] }), -9, 'a completion serves once')
  t.equal((await ask(origin, `${String(url)}/0`, { method: 'POST', body: 'x' })).status, 404, 'and so does the address')
  t.equal(await api({ a: 'd', n: folder }), 0)
  t.same(origin.stored(), [])
})

function ecb(way: 'encrypt' | 'decrypt', key: Buffer, bytes: Buffer): Buffer {
  const cipher = (way === 'encrypt' ? createCipheriv('aes-128-ecb', key, null) : createDecipheriv('aes-128-ecb', key, null)).setAutoPadding(false)
  return Buffer.concat([cipher.update(bytes), cipher.final()])
}

/** Out of the RSA key (p, q, d as MPIs) and the enciphered session id. */
function sessionOf(rsa: Buffer, csid: Buffer): string {
  const numbers: bigint[] = []
  for (let at = 0; numbers.length < 3;) {
    const length = rsa.readUInt16BE(at) + 7 >> 3
    numbers.push(BigInt(`0x${rsa.toString('hex', at + 2, at + 2 + length)}`))
    at += 2 + length
  }
  const [p = 0n, q = 0n, d = 0n] = numbers
  let [result, base, exponent] = [1n, BigInt(`0x${csid.toString('hex', 2)}`), d]
  for (; exponent > 0n; exponent >>= 1n, base = base * base % (p * q)) if (exponent & 1n) result = result * base % (p * q)
  const hex = result.toString(16)
  return Buffer.from(hex.padStart(hex.length + hex.length % 2, '0'), 'hex').subarray(0, 43).toString('base64url')
}
