import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { makeFile, sha256File } from './bytes.ts'
import { makeTestCa } from './ca.ts'
import { readContent, Vault } from './content.ts'
import { compileQuery } from './drive-query.ts'
import { ACCOUNTS } from './accounts.ts'
import { newDrives, readAddress } from './graph-drives.ts'
import { readRelated } from './multipart.ts'
import { readBulk } from './nextcloud-bulk.ts'
import { Tree } from './tree.ts'

t.test('a fixture file depends on its seed only, and has the hash it says', async t => {
  const dir = t.testdir()
  const [a, again, other] = await Promise.all([1, 1, 2].map((seed, i) => makeFile(3_000_001, { dir, seed, name: `f${i}` })))
  t.equal(a?.sha256, again?.sha256)
  t.not(a?.sha256, other?.sha256)
  t.equal(await sha256File(a?.path ?? ''), a?.sha256)
})

t.test('a leaf of the test CA is one that OpenSSL accepts for its host and no other', async t => {
  const ca = makeTestCa()
  const dir = t.testdir({ 'ca.pem': ca.pem })
  writeFileSync(`${dir}/leaf.pem`, ca.leafPem('graph.microsoft.com'))
  const verify = (host: string): string => execFileSync('openssl',
    ['verify', '-x509_strict', '-CAfile', `${dir}/ca.pem`, '-verify_hostname', host, `${dir}/leaf.pem`], { encoding: 'utf8', stdio: 'pipe' })
  t.match(verify('graph.microsoft.com'), 'OK')
  t.throws(() => verify('www.googleapis.com'))
  t.equal(new X509Certificate(ca.leafPem('a.example')).subjectAltName, 'DNS:a.example')
  t.equal(ca.contextFor('a.example'), ca.contextFor('a.example'), 'made once')
  // Names of every length up to 70, so that the Base64 ends at every column of its line.
  for (let n = 1; n < 70; n++) t.ok(ca.contextFor(`${'a'.repeat(Math.min(n, 60))}.${'b'.repeat(n)}.example`))
})

t.test('a content remembers what was before a broken chunk, hashes and bytes', async t => {
  const vault = new Vault(1 << 20)
  t.teardown(() => vault.close())
  const writer = vault.writer({ md5: true, blocks: true })
  await writer.write(Buffer.from('one'))
  writer.mark()
  await writer.write(Buffer.from('broken'))
  await writer.rewind()
  await writer.write(Buffer.from('two'))
  const content = await writer.finish()
  const sha256 = createHash('sha256').update('onetwo').digest()
  t.match(content, {
    size: 6,
    sha256: sha256.toString('hex'),
    md5: createHash('md5').update('onetwo').digest('hex'),
    blockHash: createHash('sha256').update(sha256).digest('hex'),
  })
  const bytes: Buffer[] = []
  for await (const chunk of readContent(content, 1, 4)) bytes.push(chunk)
  t.equal(Buffer.concat(bytes).toString(), 'netw')
})

t.test('of a content over the bound only size and hashes stay', async t => {
  const vault = new Vault(10)
  t.teardown(() => vault.close())
  const writer = vault.writer()
  await writer.write(Buffer.from('0123456789'))
  await writer.write(Buffer.from('x'))
  t.match(await writer.finish(), { size: 11, file: null, sha256: createHash('sha256').update('0123456789x').digest('hex') })
})

t.test('a multipart body is taken apart wherever its chunks are cut', async t => {
  const media = 'bytes\r\n--bound but not the end\r\n--'
  const whole = Buffer.from(
    `--bound2\r\nContent-Type: application/json\r\n\r\n{"name":"x"}\r\n--bound2\r\nContent-Type: text/plain\r\n\r\n${media}\r\n--bound2--\r\n`)
  for (let size = 1; size <= whole.length; size++) {
    async function * cut(): AsyncGenerator<Buffer> {
      for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
    }
    const related = await readRelated('multipart/related; boundary="bound2"', cut())
    let got = ''
    for await (const chunk of related.media) got += chunk.toString()
    if (got === media && related.metadata.endsWith('{"name":"x"}') && related.mediaType === 'text/plain') continue
    t.fail(`chunks of ${size} bytes`, { got, related })
  }
  async function * short(): AsyncGenerator<Buffer> { yield whole.subarray(0, whole.length - 14) }
  const related = await readRelated('multipart/related; boundary=bound2', short())
  await t.rejects(async () => { for await (const chunk of related.media) void chunk }, { message: /too early/ })
})

t.test('a Drive query is read with its brackets, quotes and operators', async t => {
  const tree = new Tree({ id: n => `id${n}`, sameNames: true })
  const item = tree.add(tree.root, { name: "it's (a) file", mimeType: 'text/plain' })
  const matches = (q: string): boolean => compileQuery(q, (it, name) =>
    name === 'name' ? it.name : name === 'mimeType' ? it.mimeType : name === 'trashed' ? it.trashed : ['id1'])(item)
  t.ok(matches(''))
  t.ok(matches("trashed=false and ('id1' in parents) and (name='it\\'s (a) file')"))
  t.ok(matches("name='no' or mimeType != 'application/vnd.google-apps.folder'"))
  t.ok(matches("not name contains 'zip' and name contains '(a)'"))
  t.notOk(matches("'id9' in parents"))
  t.notOk(matches("(name='no' or trashed=true) and 'id1' in parents"))
  t.throws(() => matches("name > 'x'"), { message: /does not know/ })
  t.throws(() => matches("(name='x'"), { message: /not closed/ })
})

t.test('Graph addresses are read in every form', async t => {
  const drives = newDrives()
  const read = (path: string, account = ACCOUNTS.contoso): unknown => {
    const address = readAddress(drives, path, { account, directory: account, audience: undefined, isDefault: true })
    return address === undefined ? undefined : [address.drive.id, address.itemId, address.path, address.action, address.isDrive]
  }
  const business = 'b!FAKEbusinessdrive'
  t.same(read('/v1.0/me/drive'), [business, undefined, '', '', true])
  t.same(read('/v1.0/drives/b%21FAKEbusinessdrive/root'), [business, undefined, '', '', false])
  t.same(read('/v1.0/me/drive/root:/a/sn%C3%B6.txt:/content'), [business, undefined, 'a/snö.txt', 'content', false])
  t.same(read('/beta/me/drive/root:/a/b.txt'), [business, undefined, 'a/b.txt', '', false])
  t.same(read('/v1.0/drives/b!FAKEsitedrive/items/01X:/up:'), ['b!FAKEsitedrive', '01X', 'up', '', false])
  t.same(read('/v1.0/me/drive/items/01X/children/n.txt/content'), [business, '01X', '', 'children/n.txt/content', false])
  t.same(read('/v1.0/sites/contoso.sharepoint.com,a,b/drive/root/children'), ['b!FAKEsitedrive', undefined, '', 'children', false])
  t.same(read('/v1.0/drive/root:/x:/createUploadSession', ACCOUNTS.consumer), ['a1b2c3d4e5f60718', undefined, 'x', 'createUploadSession', false])
  t.same(read('/v1.0/me/drive/root:/.%2Fa%2Fb.txt'), [business, undefined, 'a/b.txt', '', false])
  t.equal(read('/v1.0/drives/unknown/root'), undefined)
  t.equal(read('/v1.0/me/messages'), undefined)
})

t.test('a bulk upload is read file by file, each with its hash', t => {
  const part = (path: string, bytes: string, md5 = createHash('md5').update(bytes).digest('hex')): string =>
    `--b\r\nX-File-Path: ${path}\r\nX-OC-Mtime: 170\r\nX-File-MD5: ${md5}\r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}\r\n`
  const read = (body: string, type = 'multipart/related; boundary="b"'): unknown => readBulk(type, Buffer.from(body))
  t.match(read(`${part('/up/snö.txt', 'hello --b\r\n')}${part('/two', '')}--b--\r\n`), [
    { path: '/up/snö.txt', mtime: '170', bytes: Buffer.from('hello --b\r\n') }, { path: '/two', bytes: Buffer.alloc(0) },
  ])
  t.throws(() => read(`${part('/a', 'x', '00')}--b--`), { message: /md5 hash is incorrect/ }, 'the bytes are others')
  t.throws(() => read(`${part('', 'x')}--b--`), { message: /no X-File-Path/ }, 'no name')
  t.throws(() => read('', 'application/json'), { message: /must be multipart/ })
  t.end()
})
