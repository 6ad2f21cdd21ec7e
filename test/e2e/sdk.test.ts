/** The official `dropbox` and `@googleapis/drive` packages through Sluice. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { auth, drive } from '@googleapis/drive'
import { Dropbox } from 'dropbox'
import fetch from 'node-fetch'
import type { RequestInfo, RequestInit } from 'node-fetch'
import t from 'tap'
import { makeFile } from '../origin/bytes.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, MESSAGE } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const PART = 4 << 20
const RESUMABLE = 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const agent = proxyAgent(world.proxy, await readFile(world.caFile, 'utf8'))
t.teardown(() => agent.destroy())
const file = await makeFile(9_000_000, { dir: t.testdir() })
const bytes = await readFile(file.path)

const box = new Dropbox({
  accessToken: 'FAKE-TOKEN',
  fetch: (url: RequestInfo, init: RequestInit = {}): unknown => fetch(url, { ...init, agent }),
})
const client = new auth.OAuth2()
client.setCredentials({ access_token: 'FAKE-TOKEN', expiry_date: Date.UTC(2099, 0) })
const google = drive({ version: 'v3', auth: client, agent, retry: false })

t.test('dropbox: uploads, a session in parts, listing and download pass', async (t) => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  await box.filesUpload({ path: '/sdk/snö.txt', contents: 'hello' })
  const { result: { session_id } } = await box.filesUploadSessionStart({ contents: bytes.subarray(0, PART) })
  await box.filesUploadSessionAppendV2({ cursor: { session_id, offset: PART }, contents: bytes.subarray(PART, 2 * PART) })
  await box.filesUploadSessionFinish({
    cursor: { session_id, offset: 2 * PART }, commit: { path: '/sdk/big.bin' }, contents: bytes.subarray(2 * PART),
  })
  t.match(origin.stored(), [{ path: '/sdk/snö.txt', size: 5 }, { path: '/sdk/big.bin', sha256: file.sha256 }])
  const { result: listed } = await box.filesListFolder({ path: '/sdk' })
  t.same(listed.entries.map(({ name }) => name), ['snö.txt', 'big.bin'])
  const { result: downloaded } = await box.filesDownload({ path: '/sdk/big.bin' })
  t.ok('fileBinary' in downloaded && Buffer.isBuffer(downloaded.fileBinary) && downloaded.fileBinary.equals(bytes))
})

t.test('dropbox: a blocked upload rejects with the message of the rule', async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const told = refusalOfDropbox()
  await t.rejects(box.filesUpload({ path: '/sdk/no.bin', contents: bytes }), told)
  await t.rejects(box.filesUploadSessionStart({ contents: 'x' }), told)
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
})

t.test('dropbox: the parts of a session count as one upload', async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  const part = 400_000
  const { result: { session_id } } = await box.filesUploadSessionStart({ contents: bytes.subarray(0, part) })
  await box.filesUploadSessionAppendV2({ cursor: { session_id, offset: part }, contents: bytes.subarray(part, 2 * part) })
  const third = { cursor: { session_id, offset: 2 * part }, contents: bytes.subarray(2 * part, 3 * part) }
  await t.rejects(box.filesUploadSessionAppendV2(third), refusalOfDropbox())
  // The same offset again, now without the bytes: what was refused counts for the session.
  const finish = { cursor: { session_id, offset: 2 * part }, commit: { path: '/sdk/no.bin' }, contents: '' }
  await t.rejects(box.filesUploadSessionFinish(finish), refusalOfDropbox())
  t.equal(origin.fileBytes(), 2 * part, 'what came before the limit, and nothing of the part that passes it')
  t.same(origin.stored(), [])
})

t.test('drive: multipart and resumable uploads, listing and download pass', async (t) => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const { data: made } = await google.files.create({
    requestBody: { name: 'multi.bin' }, media: { mimeType: 'application/octet-stream', body: createReadStream(file.path) },
  })
  t.equal(made.size, String(file.size))
  const started = await client.request({ url: RESUMABLE, method: 'POST', agent, data: { name: 'resumable.bin' } })
  const session = new Headers(started.headers).get('location') ?? ''
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
  const { data: content } = await google.files.get({ fileId: made.id ?? '', alt: 'media' }, { responseType: 'arraybuffer' })
  t.ok(content instanceof ArrayBuffer && Buffer.from(content).equals(bytes), 'came back byte-identical')
})

t.test('drive: a blocked upload rejects with the message of the rule', async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const upload = google.files.create({
    requestBody: { name: 'no.bin' }, media: { mimeType: 'application/octet-stream', body: createReadStream(file.path) },
  })
  await t.rejects(upload, { status: 403, message: new RegExp(MESSAGE) })
  const start = client.request({ url: RESUMABLE, method: 'POST', agent, data: { name: 'no.bin' }, retry: false })
  await t.rejects(start, { status: 403, message: new RegExp(MESSAGE) })
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
})

t.test('drive: what the package sends without a length is cut at the limit', async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  const before = (await eventsSoFar(world)).length
  const upload = google.files.create({
    requestBody: { name: 'no.bin' }, media: { mimeType: 'application/octet-stream', body: createReadStream(file.path) },
  })
  await t.rejects(upload, { status: 403, message: new RegExp(MESSAGE) })
  t.ok(origin.fileBytes() < LEAVES_AT_MOST, `${origin.fileBytes()} bytes left`)
  t.same(origin.stored(), [])
  const events = (await eventsSoFar(world)).slice(before)
  t.match(events, [{ sluice: { action: 'block', cut: true, operation: { size: { is: 'at-least' } } } }])
})

/** What the package makes of a refusal, for `t.rejects`, which matches the fields that are given. */
function refusalOfDropbox(): Error {
  return Object.assign(new Error(), { status: 403, error: { user_message: { text: new RegExp(MESSAGE) } } })
}
