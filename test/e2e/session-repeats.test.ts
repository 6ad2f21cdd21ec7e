/** What is sent again in an upload session: counted once where it is a retry, and bounded where it is an attack. */
import { readFile } from 'node:fs/promises'
import { CreateMultipartUploadCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { AWS_KEY } from '../origin/aws-signature.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { BLOCK_LARGE, LEAVES_AT_MOST, LIMIT, MESSAGE } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { callDropbox, putChunk, startDrive, startDropbox } from './session-clients.ts'
import type { Answer, Via } from './session-clients.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world

t.test('the same bytes again and again, each time below the limit, are cut at the limit and 1 MiB', async (t) => {
  const part = 3 * 256 * 1024
  const repeats: Readonly<Record<string, (via: Via) => Promise<() => Promise<Answer>>>> = {
    'a declared whole': async (via) => {
      const url = await startDrive(via, 'repeated.bin')
      return () => putChunk(via, url, 0, part, part + 100_000)
    },
    'an unknown whole': async (via) => {
      const url = await startDrive(via, 'repeated.bin')
      return () => putChunk(via, url, 0, part, '*')
    },
    'an unknown length': async (via) => {
      const session = await startDropbox(via)
      return () => callDropbox(via, 'append_v2', { cursor: { session_id: session, offset: 0 } }, Buffer.alloc(part))
    },
  }
  for (const [what, open] of Object.entries(repeats)) {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const send = await open(world)
    let last: Answer | undefined
    for (let i = 0; i < 12 && last?.status !== 403; i++) last = await send()
    t.equal(last?.status, 403, what)
    t.match(last?.body, MESSAGE)
    t.ok(origin.fileBytes() > LIMIT && origin.fileBytes() <= LEAVES_AT_MOST, `${what}: ${origin.fileBytes()} bytes left`)
    const all = await Promise.all(Array.from({ length: 6 }, send))
    t.ok(all.every(({ status }) => status === 403), 'nor at the same time')
    t.ok(origin.fileBytes() <= LEAVES_AT_MOST, `${what}: ${origin.fileBytes()} bytes left`)
  }
  t.ok((await eventsSoFar(world)).some(({ sluice }) => sluice.action === 'block' && sluice.reasons.includes('session-resent')))
})

t.test('parts of S3, which have a number and no place, are counted once, however often they are sent', async (t) => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  const client = new S3Client({
    region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: AWS_KEY.id, secretAccessKey: AWS_KEY.secret },
    requestHandler: { httpsAgent: proxyAgent(world.proxy, await readFile(world.caFile, 'utf8')) },
  })
  t.teardown(() => client.destroy())
  const place = { Bucket: 'contoso-files', Key: 'a.bin' }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
  const send = (PartNumber: number) => client.send(new UploadPartCommand({ ...place, UploadId, PartNumber, Body: Buffer.alloc(400_000, PartNumber) }))
  for (const number of [1, 1, 1, 2, 1]) await t.resolves(send(number), `part ${number}`)
  t.equal(origin.fileBytes(), 2_000_000)
  t.match(await send(3).catch((error: unknown) => error), { $metadata: { httpStatusCode: 403 } })
  t.equal(origin.fileBytes(), 2_000_000, 'not one byte of a part that is one too many left')
  for (let i = 0; i < 3; i++) await send(2).catch(() => undefined)
  t.ok(origin.fileBytes() <= LEAVES_AT_MOST, 'and repeats are bounded')
})
