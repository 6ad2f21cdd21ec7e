/** The real curl, over HTTP/1.1 and HTTP/2: uploads, cuts, downloads, spliced hosts and plain HTTP. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { curl } from './curl.ts'
import type { CurlResult } from './curl.ts'
import { ODD_HOST, PLAIN_HOST, startOddOrigin } from './odd-origin.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, LIMIT, MESSAGE } from './policies.ts'
import { startWorld } from './world.ts'

const VERSIONS = [['--http1.1', '1.1'], ['--http2', '2']] as const

const OCTETS = ['-H', 'Content-Type: application/octet-stream']
const DRIVE = 'https://www.googleapis.com/upload/drive/v3/files?uploadType=media'
const ONEDRIVE = 'https://graph.microsoft.com/v1.0/me/drive/root:/up/curl.bin:/content'

/** Each provider's simple upload, without the body. */
const UPLOADS = [
  {
    provider: 'dropbox',
    args: [
      '-X', 'POST', ...OCTETS, '-H', 'Dropbox-API-Arg: {"path":"/up/curl.bin"}',
      'https://content.dropboxapi.com/2/files/upload',
    ],
    form: { error_summary: String, user_message: { text: String } },
  },
  { provider: 'google-drive', args: ['-X', 'POST', ...OCTETS, DRIVE], form: { error: { code: 403, message: String } } },
  { provider: 'onedrive', args: ['-X', 'PUT', ...OCTETS, ONEDRIVE], form: { error: { code: 'accessDenied', message: String } } },
  {
    provider: 'sharepoint',
    args: [
      '-X', 'PUT', ...OCTETS,
      'https://graph.microsoft.com/v1.0/sites/contoso.sharepoint.com,1,2/drive/root:/up/curl.bin:/content',
    ],
    form: { error: { code: 'accessDenied', message: String } },
  },
] as const

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const dir = t.testdir()
const file = await makeFile(3_000_000, { dir, name: 'file.bin' })
const tiny = await makeFile(1_000, { dir, name: 'tiny.bin' })

function run(args: readonly string[], stdin?: Buffer): Promise<CurlResult> {
  return curl(args, { proxy: world.proxy, caFile: world.caFile, ...(stdin === undefined ? {} : { stdin }) })
}

for (const [flag, version] of VERSIONS) {
  for (const { provider, args, form } of UPLOADS) {
    t.test(`${flag}: an upload to ${provider} arrives byte-identical`, async (t) => {
      await origin.reset()
      await world.setPolicy(ALLOW_ALL)
      const { code, status, httpVersion, stderr } = await run([flag, '--data-binary', `@${file.path}`, ...args])
      t.equal(code, 0, stderr)
      t.match({ status, httpVersion }, { status: /^20[01]$/, httpVersion: version })
      t.match(origin.stored(), [{ provider, size: file.size, sha256: file.sha256 }])
      t.equal(origin.fileBytes(), file.size)
    })

    t.test(`${flag}: a blocked upload to ${provider} sends nothing on and is told why in its form`, async (t) => {
      await origin.reset()
      await world.setPolicy(BLOCK_UPLOADS)
      for (const one of [tiny, file]) {
        const { status, stdout, httpVersion } = await run([flag, '--data-binary', `@${one.path}`, ...args])
        t.match({ status, httpVersion }, { status: 403, httpVersion: version })
        t.match(JSON.parse(stdout), form)
        t.match(stdout, MESSAGE)
      }
      t.equal(origin.fileBytes(), 0)
      t.same(origin.requests(), [])
    })
  }

  t.test(`${flag}: an upload of unknown length is cut at the limit and never stored`, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const unknown = version === '1.1' ? ['-H', 'Transfer-Encoding: chunked'] : []
    const { status, stdout } = await run([flag, ...unknown, '-T', '-', ...OCTETS, ONEDRIVE], Buffer.alloc(8_000_000, 'x'))
    t.equal(status, 403)
    t.match(stdout, MESSAGE)
    const [request] = origin.requests()
    t.equal(request?.headers['content-length'], undefined, 'its length was unknown')
    t.ok(origin.fileBytes() > 0 && origin.fileBytes() < LEAVES_AT_MOST, `${origin.fileBytes()} bytes left`)
    t.same(origin.stored(), [])
  })

  t.test(`${flag}: an upload of unknown length below the limit arrives`, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const unknown = version === '1.1' ? ['-H', 'Transfer-Encoding: chunked'] : []
    const { status, stderr } = await run([flag, ...unknown, '-T', '-', ...OCTETS, ONEDRIVE], Buffer.alloc(LIMIT - 1, 'x'))
    t.equal(status, 201, stderr)
    t.match(origin.stored(), [{ size: LIMIT - 1 }])
  })

  t.test(`${flag}: downloads and HEAD pass`, async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const up = await run([flag, '--data-binary', `@${file.path}`, '-X', 'POST', ...OCTETS, DRIVE])
    const made: { readonly id: string } = JSON.parse(up.stdout)
    const url = `https://www.googleapis.com/drive/v3/files/${made.id}?alt=media`
    const back = `${dir}/back.bin`
    const down = await run([flag, '-o', back, url])
    t.match(down, { code: 0, status: 200, httpVersion: version })
    t.equal(await sha256File(back), file.sha256)
    const head = await run([flag, '-I', url])
    t.match(head, { code: 0, status: 200, httpVersion: version })
    t.match(head.stdout, new RegExp(`content-length: ${file.size}`, 'i'))
  })
}

t.test('who asks before it sends is answered before it sends', async (t) => {
  const args = ['--http1.1', '-v', '--data-binary', `@${file.path}`, '-X', 'POST', ...OCTETS, DRIVE]
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const blocked = await run(args)
  t.match(blocked.stderr, 'Expect: 100-continue', 'curl asked')
  t.notMatch(blocked.stderr, '100 Continue')
  t.match(blocked, { status: 403, uploaded: 0 })
  await world.setPolicy(ALLOW_ALL)
  const allowed = await run(args)
  t.match(allowed.stderr, '100 Continue')
  t.match(allowed, { code: 0, status: 200, uploaded: file.size })
  t.match(origin.stored(), [{ sha256: file.sha256 }])
})

t.test('a host that is no cloud storage shows its own certificate', async (t) => {
  for (const [flag, version] of VERSIONS) {
    const args = [flag, 'https://spliced.example/']
    const own = await curl(args, { proxy: world.proxy, caFile: origin.caFile })
    t.match(own, { code: 0, status: 200, httpVersion: version })
    t.match(own.stdout, 'spliced.example')
    const other = await run(args)
    t.equal(other.code, 60, 'Sluice\'s CA did not sign it')
  }
  const opened = await curl(['https://www.googleapis.com/drive/v3/files'], { proxy: world.proxy, caFile: origin.caFile })
  t.equal(opened.code, 60, 'and the origin\'s did not sign what a storage host shows')
})

t.test('the proxy port gives out the PAC file and the CA certificate, nothing else', async (t) => {
  const get = (path: string): Promise<Response> => fetch(world.proxy + path)
  for (const path of ['/proxy.pac', '/wpad.dat']) {
    const pac = await get(path)
    t.equal(pac.headers.get('content-type'), 'application/x-ns-proxy-autoconfig')
    const text = await pac.text()
    t.match(text, `PROXY ${world.proxy.slice('http://'.length)}`)
    t.notMatch(text, 'DIRECT;')
  }
  const pem = await (await get('/sluice-ca.crt')).text()
  t.equal(pem, await readFile(world.caFile, 'utf8'))
  const certificate = new X509Certificate(pem)
  t.equal(certificate.ca, true)
  const der = Buffer.from(await (await get('/sluice-ca.der')).arrayBuffer())
  t.equal(new X509Certificate(der).fingerprint256, certificate.fingerprint256)
  t.equal((await get('/')).status, 200)
  for (const path of ['/ca.key', '/metrics', '/v1/policy', '/proxy.pac/x']) t.equal((await get(path)).status, 404, path)
  t.equal((await fetch(`${world.proxy}/proxy.pac`, { method: 'POST', body: 'x' })).status, 405)
})

t.test('plain HTTP, and the header fields of answers', async (t) => {
  const odd = await startOddOrigin()
  t.teardown(() => odd.close())
  const oddWorld = await startWorld({ config: { upstream: { hosts: odd.hosts, ca: [odd.caFile] } } })
  t.teardown(() => oddWorld.close())
  const ways = [
    ['plain HTTP', [`http://${PLAIN_HOST}/`]],
    ['HTTP/1.1', ['--http1.1', `https://${ODD_HOST}/`]],
    ['HTTP/2', ['--http2', `https://${ODD_HOST}/`]],
  ] as const
  for (const [way, args] of ways) {
    const { code, stdout, stderr } = await curl(['-D', '-', ...args], oddWorld)
    t.equal(code, 0, stderr)
    t.notMatch(stdout, /alt-svc/i, `${way}: no way around the proxy is told`)
    t.match(stdout, /set-cookie: one=1; Path=\/\r\nset-cookie: two=2; Path=\/\r\n/i, `${way}: cookies stay apart`)
    t.match(stdout, /x-repeated: a\r\nx-repeated: b\r\n/i, `${way}: repeated fields stay apart`)
    t.match(stdout, /odd\n/, `${way}: the body`)
    t.match(stdout, /x-checksum: c0ffee/i, `${way}: trailers`)
  }

  const body = 'a=1&b=2'
  const post = await curl(['-d', body, `http://${PLAIN_HOST}/form?x=1`], oddWorld)
  t.match(post, { code: 0, status: 200 })
  t.match(odd.seen.at(-1), { line: 'POST /form?x=1', host: PLAIN_HOST, body })
  const head = await curl(['-I', `http://${PLAIN_HOST}/`], oddWorld)
  t.match(head, { code: 0, status: 200 })
  const seen = odd.seen.length
  const port = await curl([`http://${PLAIN_HOST}:8080/`], oddWorld)
  t.match(port, { status: 403 })
  t.equal(odd.seen.length, seen, 'another port was not reached')
})
