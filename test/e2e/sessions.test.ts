/** One upload is one upload: over requests, hosts, restarts and nodes. Requests are written as rclone and the SDKs send them. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { pino } from 'pino'
import { loadConfig } from '../../proxy/config.ts'
import { startSluice } from '../../proxy/main.ts'
import { startOrigin } from '../origin/origin.ts'
import { noRedis, startRedis } from '../policy/store/redis-server.ts'
import type { RedisServer } from '../policy/store/redis-server.ts'
import { until } from '../policy/store/wait.ts'
import { startNode } from './node-process.ts'
import { ALLOW_ALL, BLOCK_LARGE, LEAVES_AT_MOST, LIMIT, MESSAGE, withRules } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { ask, callDropbox, DRIVE, JSON_TYPE, putChunk, startDrive, startDropbox, startGraph, UNIT } from './session-clients.ts'
import type { Answer, Via } from './session-clients.ts'
import { startWorld } from './world.ts'

const NO_DOCUMENTS = withRules({ id: 'no-docx', when: { activity: 'upload', fileName: '*.docx' }, action: 'block', message: MESSAGE })
t.test('in one process', async (t) => inOneProcess(t))
t.test('over two nodes', async (t) => overTwoNodes(t))

async function inOneProcess(t: Test): Promise<void> {
  const world = await startWorld()
  t.teardown(() => world.close())
  const { origin } = world

  t.test('small chunks of a large upload: the first is refused', async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const url = await startGraph(world, 'large.bin')
    const { status, body } = await putChunk(world, url, 0, UNIT, 4 * UNIT)
    t.equal(status, 403)
    t.match(body, MESSAGE)
    t.equal(origin.fileBytes(), 0)
    const small = await startGraph(world, 'small.bin')
    t.equal((await putChunk(world, small, 0, UNIT, UNIT)).status, 201)
  })

  t.test('a rule by name settles a chunk to the address that a start gave, whatever the chunk says', async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const urls = {
      graph: [await startGraph(world, 'secret.docx'), await startGraph(world, 'free.txt')],
      drive: [await startDrive(world, 'secret.docx'), await startDrive(world, 'free.txt')],
    }
    await world.setPolicy(NO_DOCUMENTS)
    for (const [provider, [secret = '', free = '']] of Object.entries(urls)) {
      const before = origin.fileBytes()
      const refused = await putChunk(world, secret, 0, UNIT, UNIT)
      t.equal(refused.status, 403, provider)
      t.match(refused.body, MESSAGE)
      const renamed = await ask(world, 'PUT', secret, { 'x-goog-upload-file-name': 'free.txt' }, 'hello')
      t.equal(renamed.status, 403, 'a part cannot rename its file')
      t.equal(origin.fileBytes(), before, 'not one byte left')
      const passed = await putChunk(world, free, 0, UNIT, UNIT)
      t.ok(passed.status === 200 || passed.status === 201, `${provider}: ${passed.status} ${passed.body}`)
    }
    const events = (await eventsSoFar(world)).filter(({ file }) => file?.name === 'secret.docx' || file?.name === 'free.txt')
    const blocked = events.filter(({ sluice }) => sluice.action === 'block')
    t.equal(blocked.length, 4)
    for (const { sluice } of blocked) t.ok(sluice.reasons.includes('session-start'), sluice.reasons.join())
  })

  t.test('a chunk of a session that nobody saw begin has a name that is not known', async (t) => {
    await origin.reset()
    await world.setPolicy(NO_DOCUMENTS)
    const unseen = 'https://contoso-my.sharepoint.com/personal/fay/_api/v2.0/drives/b!x/items/01/uploadSession?guid=\'unseen\''
    const { status } = await putChunk(world, unseen, 0, UNIT, UNIT)
    t.equal(status, 403)
    t.equal(origin.fileBytes(), 0)
  })

  t.test('a chunk that is sent again is counted once', async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const part = 512 * 1024
    const url = await startDrive(world, 'twice.bin')
    for (let i = 0; i < 3; i++) t.equal((await putChunk(world, url, 0, part, '*')).status, 308, `time ${i + 1}`)
    t.equal((await putChunk(world, url, part, 300_000, part + 300_000)).status, 200)
    t.match(origin.stored(), [{ name: 'twice.bin', size: part + 300_000 }])
    const other = await startDrive(world, 'thrice.bin')
    t.equal((await putChunk(world, other, 0, part, '*')).status, 308)
    t.equal((await putChunk(world, other, part, part, '*')).status, 403, 'a chunk that is new counts')
  })

  t.test('what a start declared counts for chunks that do not tell', async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const { headers } = await ask(world, 'POST', DRIVE, { ...JSON_TYPE, 'x-upload-content-length': String(4 * LIMIT) }, '{"name":"declared.bin"}')
    await world.setPolicy(BLOCK_LARGE)
    const before = origin.fileBytes()
    t.equal((await putChunk(world, String(headers.location), 0, 256 * 1024, '*')).status, 403)
    t.equal(origin.fileBytes(), before)
  })

  t.test('a temporary link takes the file that it was made for', async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const link = async (name: string): Promise<string> => {
      const { body } = await ask(world, 'POST', 'https://api.dropboxapi.com/2/files/get_temporary_upload_link', JSON_TYPE,
        JSON.stringify({ commit_info: { path: `/${name}` }, duration: 3600 }))
      return String(JSON.parse(body).link)
    }
    const [secret, free] = [await link('secret.docx'), await link('free.txt')]
    await world.setPolicy(NO_DOCUMENTS)
    const octets = { 'content-type': 'application/octet-stream' }
    t.equal((await ask(world, 'POST', secret, { ...octets, 'dropbox-api-arg': '{"path":"/free.txt"}' }, 'hello')).status, 403)
    t.equal((await ask(world, 'POST', free, octets, 'hello')).status, 200)
    t.match(origin.stored(), [{ name: 'free.txt' }])
  })

  t.test('a restart between start and chunk forgets nothing', async (t) => {
    const own = await startWorld()
    t.teardown(() => own.close())
    await own.setPolicy({
      default: 'allow', unknownTenant: 'allow', rules: [
        { id: 'large', when: { activity: 'upload', size: { atLeast: LIMIT } }, action: 'block', message: MESSAGE },
        { id: 'no-docx', when: { provider: 'onedrive', method: 'PUT', fileName: '*.docx' }, action: 'block', message: MESSAGE },
      ],
    })
    const [secret, free] = [await startGraph(own, 'secret.docx'), await startGraph(own, 'free.txt')]
    const [whole, refused] = [await startDropbox(own), await startDropbox(own)]
    for (const session of [whole, refused]) {
      t.equal((await callDropbox(own, 'append_v2', { cursor: { session_id: session, offset: 0 } }, Buffer.alloc(600_000))).status, 200)
    }
    t.equal((await callDropbox(own, 'append_v2', { cursor: { session_id: refused, offset: 600_000 } }, Buffer.alloc(600_000))).status, 403)
    await own.sluice.close()

    const sluice = await startSluice(loadConfig({ file: join(own.dir, 'sluice.yaml'), env: {} }), pino({ level: 'silent' }))
    t.teardown(() => sluice.close())
    const again: Via = { proxy: `http://${sluice.addresses.proxy[0] ?? ''}`, caFile: sluice.caFile }
    t.equal((await putChunk(again, secret, 0, UNIT, UNIT)).status, 403)
    t.equal((await putChunk(again, free, 0, UNIT, UNIT)).status, 201)
    const finish = (session: string): Promise<Answer> =>
      callDropbox(again, 'finish', { cursor: { session_id: session, offset: 600_000 }, commit: { path: `/${session.slice(-5)}.bin` } }, '')
    t.equal((await finish(refused)).status, 403, 'it is not finished as if the refused part had never been sent')
    const kept = async (): Promise<number> => (await readdir(join(own.dir, 'store', 'sessions'), { recursive: true })).filter((name) => name.endsWith('.json')).length
    const before = await kept()
    t.equal((await finish(whole)).status, 200)
    await until('what is finished is forgotten', async () => await kept() === before - 1)
    t.strictSame(own.origin.stored().map(({ size }) => size).sort(), [UNIT, 600_000].sort())
  })
}

async function overTwoNodes(t: Test): Promise<void> {
  const redis = await startRedis()
  if (redis === null) {
    t.test('over two nodes on one Redis', { skip: noRedis() }, () => undefined)
    return
  }
  t.teardown(() => redis.close())
  await onRedis(t, redis)
}

async function onRedis(t: Test, redis: RedisServer): Promise<void> {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const token = 'sessions-test-token'
  const one = await startNode(join(dir, 'one'), origin, redis.url, token)
  t.teardown(() => one.kill())
  const two = await startNode(join(dir, 'two'), origin, redis.url, token)
  t.teardown(() => two.kill())
  const setPolicy = async (policy: unknown): Promise<void> => {
    const put = await one.putPolicy(policy)
    const tag = put.headers.get('etag')
    await until('both nodes have the policy', async () => (await two.api('GET', '/v1/policy')).headers.get('etag') === tag)
  }

  t.test('parts over two nodes are cut at the limit in total, and the upload is not finished', async (t) => {
    await origin.reset()
    await setPolicy(BLOCK_LARGE)
    const session = await startDropbox(one)
    let offset = 0
    let refused: Answer | undefined
    for (let i = 0; refused === undefined && i < 20; i++) {
      const bytes = 300_000
      const answer = await callDropbox(i % 2 === 0 ? one : two, 'append_v2', { cursor: { session_id: session, offset } }, Buffer.alloc(bytes))
      if (answer.status === 200) offset += bytes
      else refused = answer
    }
    t.equal(refused?.status, 403)
    t.ok(origin.fileBytes() > 600_000 && origin.fileBytes() < LEAVES_AT_MOST, `${origin.fileBytes()} bytes left`)
    // The fourth part was refused by node two; node one must know.
    const finish = await callDropbox(one, 'finish', { cursor: { session_id: session, offset }, commit: { path: '/a.bin' } }, '')
    t.equal(finish.status, 403)
    t.strictSame(origin.stored(), [])
  })

  t.test('the same bytes again and again over two nodes are cut at the limit and 1 MiB in total', async (t) => {
    await origin.reset()
    await setPolicy(BLOCK_LARGE)
    const url = await startDrive(one, 'repeated.bin')
    let refused = 0
    for (let i = 0; i < 12; i++) if ((await putChunk(i % 2 === 0 ? one : two, url, 0, 3 * 256 * 1024, '*')).status === 403) refused++
    t.ok(refused >= 9, `${refused} of 12 were refused`)
    t.ok(origin.fileBytes() > LIMIT && origin.fileBytes() <= LEAVES_AT_MOST, `${origin.fileBytes()} bytes left`)
  })

  t.test('a name that one node learned decides at the other', async (t) => {
    await origin.reset()
    await setPolicy(ALLOW_ALL)
    const [secret, free] = [await startGraph(one, 'secret.docx'), await startGraph(one, 'free.txt')]
    await setPolicy(NO_DOCUMENTS)
    t.equal((await putChunk(two, secret, 0, UNIT, UNIT)).status, 403)
    t.equal((await putChunk(two, free, 0, UNIT, UNIT)).status, 201)
  })

  t.test('a part whose session cannot be looked up is as large as a rule by size fears; where the session is known it passes', async (t) => {
    await origin.reset()
    await setPolicy(BLOCK_LARGE)
    const url = await startDrive(one, 'lost.bin')
    const bucket = (via: Via, part: number, size: number): Promise<Answer> =>
      ask(via, 'PUT', `https://s3.amazonaws.com/bucket/lost.bin?partNumber=${part}&uploadId=lost`, {}, Buffer.alloc(size))
    // The bucket takes nothing that is not signed: what matters is who refuses it.
    t.notMatch((await bucket(one, 1, 600_000)).body, MESSAGE)
    redis.pause()
    // Counted by requests: the rest of the first part, which the bucket refused, may still be coming in.
    const before = origin.requests().length
    const refused = [await bucket(two, 2, 200_000), await bucket(two, 3, 200_000), await putChunk(two, url, 0, UNIT, '*')]
    const reached = origin.requests().length - before
    const known = await putChunk(one, url, 0, UNIT, '*')
    redis.resume()
    for (const { body } of refused) t.match(body, MESSAGE)
    t.equal(reached, 0, 'nothing reached the origin')
    t.equal(known.status, 308, 'the node that saw it begin goes on counting')
    const events = await eventsSoFar({ dir: join(dir, 'two'), proxy: two.proxy, caFile: two.caFile })
    const blocked = events.filter(({ sluice }) => sluice.reasons.includes('session-unavailable'))
    t.equal(blocked.length, 3)
    t.ok(blocked.every(({ sluice }) => sluice.action === 'block'))
  })

  t.test('a Redis that is silent holds no part up for long, and the decision says what was not known', async (t) => {
    await origin.reset()
    await setPolicy(ALLOW_ALL)
    const url = await startGraph(one, 'slow.bin')
    redis.pause()
    const started = performance.now()
    const { status } = await putChunk(two, url, 0, UNIT, UNIT)
    const took = performance.now() - started
    redis.resume()
    t.equal(status, 201)
    t.ok(took < 1_500, `${took} ms`)
    const events = await eventsSoFar({ dir: join(dir, 'two'), proxy: two.proxy, caFile: two.caFile })
    t.ok(events.some(({ sluice }) => sluice.reasons.includes('session-unknown')))
    const metrics = await (await two.api('GET', '/metrics')).text()
    t.match(metrics, /^sluice_session_store_failures_total [1-9]/m)
  })
}
