/** The vendors' packages for object stores, unmodified, with the retries they come with, through Sluice. */
import { generateKeyPairSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { Storage } from '@google-cloud/storage'
import t from 'tap'
import { AWS_KEY } from '../origin/aws-signature.ts'
import { AZURE } from '../origin/azure-signature.ts'
import { makeFile } from '../origin/bytes.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { until } from '../policy/store/wait.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, LIMIT, MESSAGE, withRules } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import type { Recorded } from './recorded.ts'
import { startWorld } from './world.ts'

const BUCKET = 'contoso-files'
const CHUNK = 256 << 10
/** Of S3, all parts but the last have at least as much. */
const PART = 5 << 20

const world = await startWorld()
const { origin } = world
const ca = await readFile(world.caFile, 'utf8')
const before = { roots: getCACertificates('default'), proxy: process.env.HTTPS_PROXY }
// Two of the packages have no option for either.
setDefaultCACertificates([ca])
process.env.HTTPS_PROXY = world.proxy
const file = await makeFile(12_000_001, { dir: t.testdir(), name: 'large.bin' })
const bytes = await readFile(file.path)

const s3 = new S3Client({
  region: 'us-east-1', credentials: { accessKeyId: AWS_KEY.id, secretAccessKey: AWS_KEY.secret },
  requestHandler: { httpsAgent: proxyAgent(world.proxy, ca) },
  // It warns of streams that it cannot send again.
  logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
})
const account = AZURE.accounts[0] ?? ''
const { hostname, port } = new URL(world.proxy)
const container = new BlobServiceClient(
  `https://${account}.blob.core.windows.net`, new StorageSharedKeyCredential(account, AZURE.key),
  { proxyOptions: { host: `http://${hostname}`, port: Number(port) } },
).getContainerClient('files')
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const bucket = new Storage({
  projectId: 'contoso', credentials: { client_email: 'fay@contoso.iam.gserviceaccount.com', private_key: key },
}).bucket(BUCKET)

t.teardown(async () => {
  setDefaultCACertificates(before.roots)
  if (before.proxy === undefined) delete process.env.HTTPS_PROXY
  else process.env.HTTPS_PROXY = before.proxy
  s3.destroy()
  await world.close()
})

interface Way {
  readonly provider: string
  readonly upload: (name: string) => Promise<unknown>
  /** Bytes over the content: what the form, the start or the signed chunks say beside it. */
  readonly framing?: number
  /** Requests of content that may be refused before the package has stopped: those that were under way. */
  readonly atOnce?: number
  /** Whether its first request, or that of its first part, tells that it passes `LIMIT`. */
  readonly tellsSize: boolean
}

const WAYS: Readonly<Record<string, Way>> = {
  'S3, a stream in one request': {
    provider: 's3', framing: 2_000, tellsSize: true,
    upload: (Key) => s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: createReadStream(file.path), ContentLength: file.size })),
  },
  'S3, parts side by side': {
    provider: 's3', atOnce: 4, tellsSize: true,
    upload: (Key) => new Upload({ client: s3, partSize: PART, params: { Bucket: BUCKET, Key, Body: createReadStream(file.path) } }).done(),
  },
  'Azure, one request': {
    provider: 'azure-blob', tellsSize: true,
    upload: (name) => container.getBlockBlobClient(name).upload(bytes, bytes.length),
  },
  'Azure, blocks side by side': {
    provider: 'azure-blob', framing: 5_000, atOnce: 3, tellsSize: false,
    upload: (name) => container.getBlockBlobClient(name)
      .uploadFile(file.path, { blockSize: CHUNK, maxSingleShotSize: CHUNK, concurrency: 3 }),
  },
  'Azure, a stream in blocks': {
    provider: 'azure-blob', framing: 1_000, atOnce: 2, tellsSize: true,
    upload: (name) => container.getBlockBlobClient(name).uploadStream(createReadStream(file.path), 4 << 20, 2),
  },
  'Cloud Storage, one form': {
    provider: 'gcs', framing: 1_000, tellsSize: false,
    upload: (destination) => bucket.upload(file.path, { destination, resumable: false }),
  },
  'Cloud Storage, a session in one request': {
    provider: 'gcs', framing: 10, tellsSize: false,
    upload: (destination) => bucket.upload(file.path, { destination, resumable: true }),
  },
  'Cloud Storage, a session in chunks': {
    provider: 'gcs', framing: 10, tellsSize: false,
    upload: (destination) => bucket.upload(file.path, { destination, resumable: true, chunkSize: CHUNK }),
  },
}

const DOWNLOADS: Readonly<Record<string, (name: string) => Promise<Uint8Array>>> = {
  's3': async (Key) => await (await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }))).Body?.transformToByteArray() ?? Buffer.alloc(0),
  'azure-blob': (name) => container.getBlockBlobClient(name).downloadToBuffer(),
  'gcs': async (name) => (await bucket.file(name).download())[0],
}

/** Runs an upload; answers what it was rejected with (some reject with no Error) and the events of uploads meanwhile. */
async function attempt(run: () => Promise<unknown>): Promise<{ failure: unknown; uploads: readonly Recorded[] }> {
  const { length } = await eventsSoFar(world)
  const failure: unknown = await run().then(() => undefined, (error: unknown) => error)
  let uploads: readonly Recorded[] = []
  // A refusal is over, and told of, when the client has stopped sending or was read for long enough.
  await until('the events of an upload', async () => {
    uploads = (await eventsSoFar(world)).slice(length).filter((event) => event.event.action === 'upload')
    return uploads.some(({ sluice }) => failure === undefined || sluice.action === 'block')
  }, 20_000)
  return { failure, uploads }
}

/** The size that an event tells: of the whole upload, or what passed of a body of untold length. */
function bytesOf({ sluice, http }: Recorded): number {
  return Math.max(sluice.operation?.size.bytes ?? 0, http.request.body.bytes)
}

for (const [way, { provider, upload, framing = 0, atOnce = 1, tellsSize }] of Object.entries(WAYS)) {
  const told = { message: new RegExp(MESSAGE) }

  t.test(`${way}: what is allowed arrives and comes back byte-identical`, async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const { failure, uploads } = await attempt(() => upload('a/snö + 1.bin'))
    t.equal(failure, undefined)
    t.match(origin.stored(), [{ provider, name: 'snö + 1.bin', size: file.size, sha256: file.sha256 }])
    t.ok(origin.fileBytes() <= file.size + framing, `${origin.fileBytes()} bytes, nothing of the file twice`)
    t.ok(uploads.length > 0 && uploads.every(({ sluice }) => sluice.operation?.provider === provider && sluice.action === 'allow'))
    t.ok(uploads.every((event) => event.file?.name === 'snö + 1.bin'), 'each event names the file')
    t.ok(Math.max(...uploads.map(bytesOf)) >= file.size, 'and one its size')
    t.ok(Buffer.from(await DOWNLOADS[provider]?.('a/snö + 1.bin') ?? []).equals(bytes))
  })

  t.test(`${way}: blocked, it rejects with the message of the rule, and not one byte has left`, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    const { failure, uploads } = await attempt(() => upload('a/blocked.bin'))
    t.match(failure, told)
    t.comment(`${way}: ${uploads.length} attempts`)
    t.ok(uploads.length > 0 && uploads.length <= atOnce, 'the refusal makes it repeat nothing')
    for (const event of uploads) {
      t.match(event, { rule: { id: 'no-uploads' }, file: { name: 'blocked.bin' }, http: { response: { status_code: 403 } } })
      t.match(event, { sluice: { action: 'block', operation: { provider } } })
    }
    t.equal(origin.fileBytes(), 0)
    t.same(origin.stored(), [])
  })

  t.test(`${way}: a size rule stops it ${tellsSize ? 'before its first byte' : 'at the limit'}`, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const { failure, uploads } = await attempt(() => upload('a/large.bin'))
    t.match(failure, told)
    const left = origin.fileBytes()
    t.comment(`${way}: ${left} bytes left, ${uploads.length} requests of uploads`)
    if (tellsSize) t.equal(left, 0)
    else t.ok(left > 0 && left <= LEAVES_AT_MOST, `${left} bytes`)
    t.same(origin.stored(), [])
    const blocked = uploads.filter(({ sluice }) => sluice.action === 'block')
    t.ok(blocked.length > 0 && blocked.length <= atOnce, `${blocked.length} refused`)
    for (const event of blocked) {
      t.match(event, { rule: { id: 'no-large-uploads' }, file: { name: 'large.bin' }, sluice: { operation: { provider } } })
      t.ok(bytesOf(event) >= LIMIT || event.sluice.cut, `${bytesOf(event)} bytes are told`)
    }
  })
}

t.test('S3: parts side by side, each below the limit, are one upload', async (t) => {
  await origin.reset()
  const limit = 2 * PART - 1
  await world.setPolicy(withRules({
    id: 'no-large-uploads', when: { activity: 'upload', size: { atLeast: limit } }, action: 'block', message: MESSAGE,
  }))
  const { failure } = await attempt(() => WAYS['S3, parts side by side']?.upload('a/parts.bin') ?? Promise.resolve())
  t.match(failure, { name: 'AccessDenied', message: new RegExp(MESSAGE) })
  t.comment(`${origin.fileBytes()} bytes left`)
  t.ok(origin.fileBytes() > 0 && origin.fileBytes() <= limit + (1 << 20), `${origin.fileBytes()} bytes`)
  t.same(origin.stored(), [])
})
