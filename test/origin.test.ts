import { readFile } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { auth, drive } from '@googleapis/drive'
import { Dropbox } from 'dropbox'
import fetch from 'node-fetch'
import type { RequestInfo, RequestInit } from 'node-fetch'
import t from 'tap'
import type { Test } from 'tap'
import { makeFile, sha256File } from './origin/bytes.ts'
import type { FixtureFile } from './origin/bytes.ts'
import { startOrigin } from './origin/origin.ts'
import type { Origin } from './origin/origin.ts'
import { proxyAgent } from './origin/proxy-agent.ts'
import { rclone, noRclone } from './origin/rclone.ts'
import { startTunnel } from './origin/tunnel.ts'
import type { Tunnel } from './origin/tunnel.ts'

const SMALL = 1000
const CHUNKED = 60_000_000

async function start(test: Test): Promise<{ origin: Origin; tunnel: Tunnel; dir: string }> {
  const origin = await startOrigin()
  const tunnel = await startTunnel(origin)
  test.teardown(async () => {
    await tunnel.close()
    await origin.close()
  })
  return { origin, tunnel, dir: test.testdir() }
}

/** Remote, the provider it stores at, and the host that the bytes of a chunked file must go to. */
const REMOTES = [
  ['dropbox', 'dropbox', 'content.dropboxapi.com', CHUNKED],
  ['drive', 'google-drive', 'www.googleapis.com', CHUNKED],
  ['onedrive', 'onedrive', 'contoso-my.sharepoint.com', CHUNKED],
  ['fabrikam', 'onedrive', 'fabrikam-my.sharepoint.com', 11_000_001],
  ['consumer', 'onedrive', 'my.microsoftpersonalcontent.com', 11_000_001],
  ['site', 'sharepoint', 'contoso.sharepoint.com', 11_000_001],
] as const

for (const [remote, provider, uploadHost, chunkedSize] of REMOTES) {
  t.test(`rclone copies to, lists, copies back from and deletes at ${remote}:`, { skip: noRclone() }, async t => {
    const { origin, tunnel, dir } = await start(t)
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await rclone(args, { proxy: tunnel.url, caFile: origin.caFile })
      t.equal(code, 0, `rclone ${args[0] ?? ''}: ${stderr}`)
      return stdout
    }
    const files: FixtureFile[] = [
      await makeFile(SMALL, { dir, name: 'small.bin' }),
      await makeFile(chunkedSize, { dir, name: 'snö chunked.bin' }),
    ]
    for (const file of files) await run('copy', file.path, `${remote}:up/deep`)

    const stored = origin.stored().map(({ provider, path, size, sha256 }) => ({ provider, path, size, sha256 }))
    t.same(stored.sort((a, b) => a.size - b.size), files.map(({ path, size, sha256 }) =>
      ({ provider, path: `/up/deep/${path.slice(dir.length + 1)}`, size, sha256 })))
    const arrived = origin.requests().filter(({ host, content }) => content && host === uploadHost)
    const total = arrived.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0)
    t.ok(total >= SMALL + chunkedSize && total < SMALL + chunkedSize + 2000, `${total} bytes went to ${uploadHost}`)
    t.equal(origin.fileBytes(), total, 'and to no other host')

    t.same((await run('lsf', '-R', `${remote}:`)).trim().split('\n').sort(),
      ['up/', 'up/deep/', 'up/deep/small.bin', 'up/deep/snö chunked.bin'])
    for (const { path, sha256 } of files) {
      const back = `${path}.back`
      await run('copyto', `${remote}:up/deep/${path.slice(dir.length + 1)}`, back)
      t.equal(await sha256File(back), sha256, 'came back byte-identical')
    }
    await run('deletefile', `${remote}:up/deep/small.bin`)
    t.equal(origin.stored().length, 1)
    t.equal((await run('lsf', `${remote}:up/deep`)).trim(), 'snö chunked.bin')
  })
}

t.test('the official dropbox package uploads, lists and downloads', async t => {
  const { origin, tunnel, dir } = await start(t)
  const agent = proxyAgent(tunnel.url, origin.ca)
  const proxied = (url: RequestInfo, init: RequestInit = {}): unknown => fetch(url, { ...init, agent })
  const box = new Dropbox({ accessToken: 'FAKE-TOKEN', fetch: proxied })
  const file = await makeFile(9_000_000, { dir })
  const bytes = await readFile(file.path)

  await box.filesUpload({ path: '/sdk/snö.txt', contents: 'hello' })
  const PART = 4 << 20
  const { result: { session_id } } = await box.filesUploadSessionStart({ contents: bytes.subarray(0, PART) })
  await box.filesUploadSessionAppendV2({ cursor: { session_id, offset: PART }, contents: bytes.subarray(PART, 2 * PART) })
  const { result: finished } = await box.filesUploadSessionFinish({
    cursor: { session_id, offset: 2 * PART }, commit: { path: '/sdk/big.bin' }, contents: bytes.subarray(2 * PART),
  })
  t.equal(finished.size, file.size)
  t.match(origin.stored(), [{ path: '/sdk/snö.txt', size: 5 }, { path: '/sdk/big.bin', sha256: file.sha256 }])

  const { result: listed } = await box.filesListFolder({ path: '/sdk' })
  t.same(listed.entries.map(({ name }) => name), ['snö.txt', 'big.bin'])
  const { result: downloaded } = await box.filesDownload({ path: '/sdk/snö.txt' })
  t.match(downloaded, { name: 'snö.txt', fileBinary: Buffer.from('hello') })
  await t.rejects(box.filesUploadSessionAppendV2({ cursor: { session_id, offset: 1 }, contents: 'x' }), Object.assign(new Error(), { status: 409 }))
  await t.rejects(box.filesGetMetadata({ path: '/nowhere' }), Object.assign(new Error(), { status: 409 }))
})

t.test('the official @googleapis/drive package uploads (multipart, resumable), lists and downloads', async t => {
  const { origin, tunnel, dir } = await start(t)
  const agent = proxyAgent(tunnel.url, origin.ca)
  const client = new auth.OAuth2()
  client.setCredentials({ access_token: 'FAKE-TOKEN', expiry_date: Date.UTC(2099, 0) })
  const google = drive({ version: 'v3', auth: client, agent })
  const file = await makeFile(9_000_000, { dir })

  const { data: made } = await google.files.create({
    requestBody: { name: 'multi.bin' }, media: { mimeType: 'application/octet-stream', body: createReadStream(file.path) },
  })
  t.equal(made.size, String(file.size))

  const PART = 4 << 20
  const url = 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable'
  const started = await client.request({ url, method: 'POST', agent, data: { name: 'resumable.bin' } })
  const session = new Headers(started.headers).get('location') ?? ''
  const bytes = await readFile(file.path)
  const statuses: number[] = []
  for (let at = 0; at < bytes.length; at += PART) {
    const part = bytes.subarray(at, at + PART)
    const { status } = await client.request({
      url: session, method: 'PUT', agent, data: part, validateStatus: () => true,
      headers: { 'content-range': `bytes ${at}-${at + part.length - 1}/${bytes.length}` },
    })
    statuses.push(status)
  }
  t.same(statuses, [308, 308, 200])
  t.match(origin.stored(), [{ path: '/multi.bin', sha256: file.sha256 }, { path: '/resumable.bin', sha256: file.sha256 }])

  const { data: listed } = await google.files.list({ q: "'root' in parents and trashed=false and name='resumable.bin'" })
  t.match(listed.files, [{ name: 'resumable.bin', size: String(file.size) }])
  t.equal(listed.files?.length, 1)
  const { data: content } = await google.files.get({ fileId: made.id ?? '', alt: 'media' }, { responseType: 'arraybuffer' })
  t.ok(content instanceof ArrayBuffer && Buffer.from(content).equals(bytes), 'came back byte-identical')
  await google.files.delete({ fileId: made.id ?? '' })
  t.equal(origin.stored().length, 1)
})
