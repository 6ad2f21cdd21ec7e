/**
 * Redis is killed, paused, filled, emptied, slow and silent while uploads run through two nodes. Decisions go on from the last
 * snapshot, nobody waits for the store, it is said what is away, and what was counted meanwhile is added exactly, once.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { makeFile } from '../../origin/bytes.ts'
import { startOrigin } from '../../origin/origin.ts'
import { noRclone, rclone } from '../../origin/rclone.ts'
import { noRedis, startRedis } from '../../policy/store/redis-server.ts'
import type { RedisServer } from '../../policy/store/redis-server.ts'
import { until } from '../../policy/store/wait.ts'
import { startNode } from '../../e2e/node-process.ts'
import type { NodeProcess } from '../../e2e/node-process.ts'
import { LIMIT, MESSAGE, withRules } from '../../e2e/policies.ts'
import { eventsSoFar } from '../../e2e/recorded.ts'
import { ask, callDropbox, startDropbox } from '../../e2e/session-clients.ts'
import { startLink } from './link.ts'
import type { Link } from './link.ts'

const TOKEN = 'redis-faults-test-token'
const PART = 100_000
const BACK_MS = 20_000
const UPLOAD = 'https://content.dropboxapi.com/2/files/upload'
/** Large uploads and all to Box are blocked; the comment tells two versions apart. */
const policy = (message: string): unknown => withRules(
  { id: 'large', when: { activity: 'upload', size: { atLeast: LIMIT } }, action: 'block', message: MESSAGE },
  { id: 'box', when: { provider: 'box', activity: 'upload' }, action: 'block', message },
)

interface Nodes {
  readonly redis: RedisServer
  /** Before the Redis of node one. */
  readonly link: Link
  readonly one: NodeProcess
  readonly two: NodeProcess
  readonly raw: Redis
  readonly stored: () => number
}

const redis = await startRedis({ keep: true })
if (redis === null) t.test('faults of Redis during uploads', { skip: noRedis() }, () => undefined)
else t.test('faults of Redis during uploads', { timeout: 120_000 }, async (t) => onRedis(t, redis))

async function onRedis(t: Test, redis: RedisServer): Promise<void> {
  t.teardown(() => redis.close())
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const link = await startLink(redis.port)
  t.teardown(() => link.close())
  const dir = t.testdir()
  const started: NodeProcess[] = []
  for (const [name, port] of [['one', link.port], ['two', redis.port]] as const) {
    const node = await startNode(join(dir, name), origin, `redis://127.0.0.1:${port}`, TOKEN)
    t.teardown(() => node.kill())
    started.push(node)
  }
  const [one, two] = started
  if (one === undefined || two === undefined) throw new Error('two nodes were started')
  const raw = new Redis({ host: '127.0.0.1', port: redis.port, retryStrategy: () => 50, maxRetriesPerRequest: null })
  raw.on('error', () => undefined) // it is killed on purpose
  t.teardown(() => raw.disconnect())
  const nodes: Nodes = { redis, link, one, two, raw, stored: () => origin.stored().length }
  t.equal((await one.putPolicy(policy('first'))).status, 200)
  await until('node two has it', async () => (await sendToBox(two)).includes('first'))

  await t.test('killed, and back with what it held', async (t) => {
    await outage(t, nodes, [one, two], () => redis.stop(), () => redis.restart())
  })
  await t.test('paused, and awake again', async (t) => {
    await outage(t, nodes, [one, two], () => redis.pause(), () => redis.resume())
  })
  await t.test('paused for a moment: what it was told meanwhile it does when it wakes', async (t) => {
    const known = await sessionOf(t, nodes)
    redis.pause()
    for (let n = 1; n <= 2; n++) await known.part(one, 200)
    // By now it has been told once and has not answered; its connections are not given up yet.
    await until('the node notices', async () => await metric(one, 'sluice_store_up') === 0, BACK_MS)
    redis.resume()
    await until('the node finds it again', async () => await metric(one, 'sluice_store_up') === 1, BACK_MS)
    await known.part(one, 200)
    await until('the store has every byte', async () => Number(await raw.hget(known.key, 'sent')) >= 4 * PART, BACK_MS)
    t.equal(await raw.hget(known.key, 'sent'), String(4 * PART), 'once')
  })
  await t.test('the link to it cut without a word, and mended', async (t) => {
    await outage(t, nodes, [one], () => link.cut(), () => link.mend())
  })
  await t.test('killed, and back empty', async (t) => {
    await outage(t, nodes, [one, two], () => redis.stop(), async () => {
      await rm(join(redis.dir, 'appendonlydir'), { recursive: true, force: true })
      await redis.restart()
    })
  })
  await t.test('full, and with room again', async (t) => {
    await full(t, nodes)
  })
  await t.test('slower than a decision may wait', async (t) => {
    await slow(t, nodes)
  })
  await t.test('what another node changed during an outage holds after it', async (t) => {
    link.cut()
    await until('node one notices', async () => await metric(one, 'sluice_store_up') === 0, BACK_MS)
    t.equal((await two.putPolicy(policy('second'))).status, 200)
    t.match(await sendToBox(one), 'first', 'what it knew decides meanwhile')
    link.mend()
    await until('node one follows', async () => (await sendToBox(one)).includes('second'), BACK_MS)
  })
  await t.test('each was said, and that it is away once a minute at most', async (t) => {
    for (const node of [one, two]) {
      for (const what of [/^The store \S+ does not answer/, /^Upload sessions are not shared/, /^Admin tokens as last read/, /^The API answers from/]) {
        const times = warnings(node, what)
        t.ok(times.length > 0, String(what))
        // The times are told in whole milliseconds, of another clock than what they are spaced by.
        t.ok(times.every((time, n) => n === 0 || time - (times[n - 1] ?? 0) > 59_900), times.join())
      }
      t.notMatch(node.said(), TOKEN)
    }
  })
}

/** What must hold of every way in which Redis does not answer. `cut`: the nodes that notice. */
async function outage(t: Test, nodes: Nodes, cut: readonly NodeProcess[], fault: () => unknown, mend: () => unknown): Promise<void> {
  const { one, two, raw } = nodes
  const known = await sessionOf(t, nodes)
  await fault()
  // Before anything was noticed, and for as long as it lasts: all of this is answered while Redis is away.
  for (let n = 1; n <= 3; n++) await known.part(one, 200)
  await known.foreignPart(cut.includes(two) ? two : null)
  const before = nodes.stored()
  for (const node of cut) {
    await until('the node notices', async () => await metric(node, 'sluice_store_up') === 0, BACK_MS)
    t.match(await (await node.api('GET', '/readyz')).json(), { ready: true, degraded: true, checks: { store: 'down' } })
    t.equal((await ask(node, 'POST', UPLOAD, argOf(), Buffer.alloc(PART))).status, 200)
    t.match(await sendToBox(node), 'first', 'a block stays one')
    const put = await node.putPolicy(policy('never'))
    t.match({ status: put.status, body: await put.json() }, { status: 503, body: { code: 'store.unreachable' } })
    await copyWithRclone(t, node)
  }
  t.equal(nodes.stored(), before + 2 * cut.length - (noRclone() === false ? 0 : cut.length))
  await mend()
  for (const node of cut) {
    await until('the node finds it again', async () => await metric(node, 'sluice_store_up') === 1, BACK_MS)
    t.match(await (await node.api('GET', '/readyz')).json(), { degraded: false, checks: { store: 'up' } })
  }
  await known.part(one, 200)
  await until('the store has every byte once', async () => Number(await raw.hget(known.key, 'sent')) === 5 * PART, BACK_MS)
    .catch(async (error: unknown) => t.fail(`${String(error)}: ${JSON.stringify(await raw.hgetall(known.key))}`))
  // Those who come after know of all of it: 5 parts, and 6 that would be too much.
  t.equal((await known.large(two)).status, 403)
  t.match(await sendToBox(one), 'first')
}

async function full(t: Test, nodes: Nodes): Promise<void> {
  const { one, two, raw } = nodes
  const known = await sessionOf(t, nodes)
  await raw.config('SET', 'maxmemory', '1')
  for (let n = 1; n <= 3; n++) await known.part(one, 200)
  await until('the node notices', async () => {
    const { degraded, checks } = await (await one.api('GET', '/readyz')).json() as { degraded: boolean; checks: { store: string } }
    return degraded && checks.store.startsWith('takes no changes: OOM')
  }, BACK_MS)
  t.equal(await metric(one, 'sluice_store_up'), 1, 'it answers')
  t.equal((await ask(one, 'POST', UPLOAD, argOf(), Buffer.alloc(PART))).status, 200)
  t.match(await sendToBox(one), 'first')
  const put = await one.putPolicy(policy('never'))
  t.match({ status: put.status, body: await put.json() }, { status: 503, body: { code: 'store.read-only' } })
  await raw.config('SET', 'maxmemory', '0')
  await known.part(one, 200)
  await until('the store has every byte once', async () => Number(await raw.hget(known.key, 'sent')) === 5 * PART, BACK_MS)
  t.equal((await known.large(two)).status, 403)
  await until('it is ready again', async () => {
    return (await (await one.api('GET', '/readyz')).json() as { degraded: boolean }).degraded === false
  }, BACK_MS)
  t.equal(warnings(one, /^The store \S+ takes no changes: OOM /).length, 1, 'one warning')
  t.notMatch(await (await one.api('GET', '/v1/policy')).text(), 'never')
}

async function slow(t: Test, nodes: Nodes): Promise<void> {
  const { one, raw, link } = nodes
  const known = await sessionOf(t, nodes)
  link.slow(400)
  for (let n = 1; n <= 3; n++) await known.part(one, 200)
  t.equal((await ask(one, 'POST', UPLOAD, argOf(), Buffer.alloc(PART))).status, 200)
  t.match(await sendToBox(one), 'first')
  t.ok(await metric(one, 'sluice_session_store_failures_total') > 0, 'it is counted')
  link.slow(0)
  await known.part(one, 200)
  await until('the store has every byte once', async () => Number(await raw.hget(known.key, 'sent')) === 5 * PART, BACK_MS)
}

interface KnownSession {
  readonly key: string
  /** Sends the next part. */
  part(node: NodeProcess, status: number): Promise<void>
  /** A part of another session, which this node has never heard of: what a rule by size cannot know of it, it takes for too much. */
  foreignPart(node: NodeProcess | null): Promise<void>
  /** A part that makes the upload too large, together with what went before. */
  large(node: NodeProcess): Promise<{ readonly status: number }>
}

/** A session with its first part, and a second one; both in the store, opened through node one. */
async function sessionOf(t: Test, { one, raw }: Nodes): Promise<KnownSession> {
  const append = (node: NodeProcess, session: string, offset: number, bytes: number) =>
    callDropbox(node, 'append_v2', { cursor: { session_id: session, offset } }, Buffer.alloc(bytes, 7))
  const begun = async (): Promise<{ session: string; key: string }> => {
    const before = new Set(await raw.keys('{sluice}:session:*'))
    const session = await startDropbox(one)
    let key: string | undefined
    await until('the store has the session', async () => {
      key = (await raw.keys('{sluice}:session:*')).find((name) => !before.has(name))
      return key !== undefined
    })
    return { session, key: key ?? '' }
  }
  const foreign = (await begun()).session
  const { session, key } = await begun()
  let offset = 0
  const part = async (node: NodeProcess, status: number): Promise<void> => {
    const answer = await append(node, session, offset, PART)
    t.equal(answer.status, status, answer.body)
    offset += PART
  }
  await part(one, 200)
  await until('the store has its first part', async () => await raw.hget(key, 'sent') === String(PART))
  return {
    key, part,
    async foreignPart(node) {
      if (node === null) return
      const answer = await append(node, foreign, 0, PART)
      t.equal(answer.status, 403)
      const blocked = (await eventsSoFar(node)).at(-1)
      t.match(blocked, { sluice: { action: 'block' }, rule: { id: 'large' } })
      t.ok(blocked?.sluice.reasons.includes('session-unavailable'), blocked?.sluice.reasons.join() ?? '')
    },
    large: (node) => append(node, session, offset, LIMIT - 4 * PART),
  }
}

let files = 0

/** The header of an upload of another file each time. */
function argOf(): Record<string, string> {
  return { authorization: 'Bearer FAKE', 'content-type': 'application/octet-stream', 'dropbox-api-arg': JSON.stringify({ path: `/${++files}.bin` }) }
}

/** What an upload to Box is told. */
async function sendToBox(node: NodeProcess): Promise<string> {
  const form = '--b\r\nContent-Disposition: form-data; name="attributes"\r\n\r\n{"name":"a.txt","parent":{"id":"0"}}\r\n' +
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n'
  const { status, body } = await ask(node, 'POST', 'https://upload.box.com/api/2.0/files/content',
    { authorization: 'Bearer FAKE', 'content-type': 'multipart/form-data; boundary=b' }, form)
  return `${status} ${body}`
}

async function copyWithRclone(t: Test, node: NodeProcess): Promise<void> {
  if (noRclone() !== false) return
  const file = await makeFile(50_000, { dir: node.dir, name: 'rclone.bin' })
  const done = await rclone(['copyto', file.path, `drive:${++files}.bin`], { proxy: node.proxy, caFile: node.caFile })
  t.equal(done.code, 0, done.stderr)
}

/** When a node warned of something, in milliseconds since 1970. */
function warnings(node: NodeProcess, of: RegExp): readonly number[] {
  return node.said().split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return []
    const { level, time, msg } = JSON.parse(line) as { level: string; time: string; msg: string }
    return level === 'warn' && of.test(msg) ? [Date.parse(time)] : []
  })
}

async function metric(node: NodeProcess, name: string): Promise<number> {
  const text = await (await node.api('GET', '/metrics')).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}
