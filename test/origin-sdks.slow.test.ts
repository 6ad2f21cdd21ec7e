/** The vendors' packages for object stores, unmodified, against the stand-in: single, multipart and resumable uploads. */
import { generateKeyPairSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { Storage } from '@google-cloud/storage'
import t from 'tap'
import { AWS_KEY } from './origin/aws-signature.ts'
import { AZURE } from './origin/azure-signature.ts'
import { makeFile } from './origin/bytes.ts'
import { startOrigin } from './origin/origin.ts'
import { proxyAgent } from './origin/proxy-agent.ts'
import { startTunnel } from './origin/tunnel.ts'

const origin = await startOrigin()
const tunnel = await startTunnel(origin)
const before = { roots: getCACertificates('default'), proxy: process.env.HTTPS_PROXY }
// Two of the packages have no option for either.
setDefaultCACertificates([origin.ca])
process.env.HTTPS_PROXY = tunnel.url
t.teardown(async () => {
  setDefaultCACertificates(before.roots)
  if (before.proxy === undefined) delete process.env.HTTPS_PROXY
  else process.env.HTTPS_PROXY = before.proxy
  await tunnel.close()
  await origin.close()
})
t.beforeEach(() => origin.reset())
const dir = t.testdir()
const file = await makeFile(12_000_001, { dir, name: 'large.bin' })

for (const forcePathStyle of [false, true]) {
  t.test(`@aws-sdk/client-s3, bucket in the ${forcePathStyle ? 'path' : 'host'}`, async t => {
    const client = new S3Client({
      region: 'us-east-1', forcePathStyle, maxAttempts: 1, credentials: { accessKeyId: AWS_KEY.id, secretAccessKey: AWS_KEY.secret },
      requestHandler: { httpsAgent: proxyAgent(tunnel.url, origin.ca) },
    })
    t.teardown(() => client.destroy())
    const Bucket = 'contoso-files'
    await client.send(new PutObjectCommand({ Bucket, Key: 'a/snö + 1.txt', Body: 'hello' }))
    await client.send(new PutObjectCommand({ Bucket, Key: 'a/stream.bin', Body: createReadStream(file.path), ContentLength: file.size }))
    const chunked = origin.requests().filter(({ headers }) => headers['content-encoding']?.includes('aws-chunked'))
    t.equal(chunked.length, 1, 'a stream goes up with a checksum behind it')
    await new Upload({ client, partSize: 5 << 20, params: { Bucket, Key: 'a/parts.bin', Body: createReadStream(file.path) } }).done()
    t.match(origin.stored(), [
      { provider: 's3', path: '/contoso-files/a/snö + 1.txt', size: 5 },
      { path: '/contoso-files/a/stream.bin', sha256: file.sha256 }, { path: '/contoso-files/a/parts.bin', sha256: file.sha256 },
    ])
    t.equal(origin.requests().filter(({ query }) => query.includes('partNumber=')).length, 3)
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/' }))
    t.same(Contents?.map(({ Key }) => Key), ['a/parts.bin', 'a/snö + 1.txt', 'a/stream.bin'])
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'a/parts.bin' }))
    t.ok(Buffer.from(await Body?.transformToByteArray() ?? []).equals(await readFile(file.path)), 'came back byte-identical')
    await t.rejects(client.send(new GetObjectCommand({ Bucket, Key: 'nothing' })), { name: 'NoSuchKey' })
  })
}

t.test('@aws-sdk/client-s3 with another secret is refused', async t => {
  const client = new S3Client({
    region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: AWS_KEY.id, secretAccessKey: 'another' },
    requestHandler: { httpsAgent: proxyAgent(tunnel.url, origin.ca) },
  })
  t.teardown(() => client.destroy())
  await t.rejects(client.send(new PutObjectCommand({ Bucket: 'contoso-files', Key: 'x', Body: 'hello' })), { name: 'SignatureDoesNotMatch' })
  t.same(origin.stored(), [])
})

t.test('@azure/storage-blob', async t => {
  const account = AZURE.accounts[0] ?? ''
  const { hostname, port } = new URL(tunnel.url)
  const options = { proxyOptions: { host: `http://${hostname}`, port: Number(port) }, retryOptions: { maxTries: 1 } }
  const service = new BlobServiceClient(`https://${account}.blob.core.windows.net`, new StorageSharedKeyCredential(account, AZURE.key), options)
  const container = service.getContainerClient('files')
  await container.getBlockBlobClient('a/snö + 1.txt').upload('hello', 5)
  const large = container.getBlockBlobClient('a/blocks.bin')
  await large.uploadFile(file.path, { blockSize: 4 << 20, maxSingleShotSize: 4 << 20, concurrency: 3 })
  await container.getBlockBlobClient('a/stream.bin').uploadStream(createReadStream(file.path), 4 << 20, 2)
  t.match(origin.stored(), [
    { provider: 'azure-blob', path: `/${account}/files/a/snö + 1.txt`, size: 5 },
    { path: `/${account}/files/a/blocks.bin`, sha256: file.sha256 }, { path: `/${account}/files/a/stream.bin`, sha256: file.sha256 },
  ])
  const names: string[] = []
  for await (const { name } of container.listBlobsFlat({ prefix: 'a/' })) names.push(name)
  t.same(names, ['a/blocks.bin', 'a/snö + 1.txt', 'a/stream.bin'])
  t.ok((await large.downloadToBuffer()).equals(await readFile(file.path)), 'came back byte-identical')
  const stranger = new BlobServiceClient(service.url, new StorageSharedKeyCredential(account, Buffer.from('another').toString('base64')), options)
  await t.rejects(stranger.getContainerClient('files').getBlockBlobClient('x').upload('hello', 5), Object.assign(new Error(), { statusCode: 403 }))
  t.equal(origin.stored().length, 3)
})

t.test('@google-cloud/storage', async t => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const storage = new Storage({
    projectId: 'contoso', credentials: { client_email: 'fay@contoso.iam.gserviceaccount.com', private_key }, retryOptions: { autoRetry: false },
  })
  const bucket = storage.bucket('contoso-files')
  await bucket.file('a/snö + 1.txt').save('hello', { resumable: false })
  await bucket.upload(file.path, { destination: 'a/whole.bin', resumable: true })
  await bucket.upload(file.path, { destination: 'a/chunks.bin', resumable: true, chunkSize: 4 << 20 })
  t.match(origin.stored(), [
    { provider: 'gcs', path: '/contoso-files/a/snö + 1.txt', size: 5 },
    { path: '/contoso-files/a/whole.bin', sha256: file.sha256 }, { path: '/contoso-files/a/chunks.bin', sha256: file.sha256 },
  ])
  const [listed] = await bucket.getFiles({ prefix: 'a/' })
  t.same(listed.map(({ name }) => name), ['a/chunks.bin', 'a/snö + 1.txt', 'a/whole.bin'])
  const [content] = await bucket.file('a/chunks.bin').download()
  t.ok(content.equals(await readFile(file.path)), 'came back byte-identical')
  await bucket.file('a/whole.bin').delete()
  t.equal(origin.stored().length, 2)
})
