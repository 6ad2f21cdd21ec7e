/**
 * The clock of a running proxy goes an hour or days forth and back while uploads run: sessions, limits, tokens, break-glass, certificates
 * and the snapshot neither break nor open. Clients and origins keep the right time.
 */
import { readdirSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { startNode } from '../../e2e/node-process.ts'
import type { NodeProcess } from '../../e2e/node-process.ts'
import { LIMIT, MESSAGE, withRules } from '../../e2e/policies.ts'
import { ask, callDropbox, startDropbox } from '../../e2e/session-clients.ts'
import { startOrigin } from '../../origin/origin.ts'
import { noRedis, startRedis } from '../../policy/store/redis-server.ts'
import { until } from '../../policy/store/wait.ts'

const TOKEN = 'clock-faults-test-token'
const HOUR = 3_600
const DAY = 24 * HOUR
const PART = 100_000
const BEARER = { authorization: 'Bearer FAKE' }

interface Told {
  readonly event: { readonly sequence: number; readonly duration: number }
  readonly rule: { readonly id?: string }
  readonly url: { readonly path?: string }
}

/** Debian's libfaketime: the clock of a program that it is loaded into is put by a file. */
const library = ['/usr/lib', '/usr/lib64'].flatMap((dir) => {
  try {
    return readdirSync(dir).map((name) => join(dir, name, 'faketime/libfaketimeMT.so.1'))
  } catch {
    return []
  }
}).find((path) => {
  try {
    return readdirSync(join(path, '..')).length > 0
  } catch {
    return false
  }
})
const skip = library === undefined ? 'libfaketime is not installed (Debian: apt-get install faketime)' : false

const POLICY = withRules(
  { id: 'large', when: { activity: 'upload', size: { atLeast: LIMIT } }, action: 'block', message: MESSAGE },
  { id: 'volume', when: { activity: 'upload', provider: 'onedrive', volume: { over: '10m', atLeast: 300_000 } }, action: 'block', message: MESSAGE },
  { id: 'box', when: { provider: 'box', activity: 'upload' }, action: 'block', message: MESSAGE },
)

t.test('the clock is put forth and back while uploads run', { skip, timeout: 120_000 }, async (t) => {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const { env, step } = await steppable(dir)
  const node = await startNode(join(dir, 'node'), origin, `embedded:${join(dir, 'store')}`, TOKEN, {}, env)
  t.teardown(() => node.kill())
  t.equal((await node.putPolicy(POLICY)).status, 200)
  const append = async (session: string, offset: number, bytes: number): Promise<number> =>
    (await callDropbox(node, 'append_v2', { cursor: { session_id: session, offset } }, Buffer.alloc(bytes))).status
  const session = await startDropbox(node)
  let parts = 0
  t.equal(await append(session, PART * parts++, PART), 200)
  t.equal(await toOneDrive(node, 200_000), 404, 'the stand-in answers')

  // What was given for a few seconds: it ends once, whatever the clock says later.
  const { secret } = await (await node.api('POST', '/v1/tokens', { label: 'short', role: 'viewer', expiresAt: new Date(Date.now() + 4_000).toISOString() })).json() as { secret: string }
  const opens = async (): Promise<number> => (await node.api('GET', '/v1/policy', undefined, { authorization: `Bearer ${secret}` })).status
  t.equal(await opens(), 200)
  t.equal((await node.api('PUT', '/v1/break-glass', { reason: 'a test', for: '3s' })).status, 200)
  t.equal(await glass(node), 1)
  await until('both are over', async () => await glass(node) === 0 && await opens() === 401, 10_000)

  for (const [name, seconds] of [['an hour back', -HOUR], ['a day back', -DAY], ['right again', 0], ['an hour forth', HOUR], ['a day forth', DAY], ['right at last', 0]] as const) {
    await t.test(name, async (t) => {
      const other = await startDropbox(node)
      t.equal(await append(other, 0, 6 * PART), 200)
      await step(seconds)
      t.equal(await append(session, PART * parts++, PART), 200, 'a session goes on')
      t.equal(await append(other, 6 * PART, 5 * PART), 403, 'and what went before in one counts')
      t.equal(await upload(node), 200)
      t.match(await toBox(node), 403)
      t.equal(await toOneDrive(node, 200_000), 403, 'what was sent within ten minutes counts')
      t.equal(await opens(), 401, 'a token that was over stays over')
      t.equal(await glass(node), 0, 'and so does break-glass')
      const ready = await (await node.api('GET', '/readyz')).json()
      t.match(ready, { ready: true, degraded: false, checks: { store: 'up' } })
      t.equal((await node.putPolicy(POLICY)).status, 200)
      // Given anew, it lasts.
      t.equal((await node.api('PUT', '/v1/break-glass', { reason: 'a test', for: '1h' })).status, 200)
      t.equal(await glass(node), 1)
      t.equal(await toBox(node), 200)
      t.equal((await node.api('DELETE', '/v1/break-glass')).status, 204)
      await until('it is over', async () => await toBox(node) === 403)
      const { secret: fresh } = await (await node.api('POST', '/v1/tokens', { label: 'fresh', role: 'viewer', expiresIn: '1h' })).json() as { secret: string }
      t.equal((await node.api('GET', '/v1/policy', undefined, { authorization: `Bearer ${fresh}` })).status, 200)
    })
  }

  await t.test('a certificate that was made while the clock was ahead is made anew', async (t) => {
    const url = 'https://fabrikam-my.sharepoint.com/'
    await step(3 * DAY)
    await t.rejects(ask(node, 'GET', url), { code: 'CERT_NOT_YET_VALID' })
    await step(0)
    t.equal((await ask(node, 'GET', url)).status, 200)
  })

  await t.test('each request has its event, in order', async (t) => {
    t.equal(await node.end(), 0)
    // A day forth, another file is begun.
    const names = (await readdir(node.dir)).filter((name) => name.startsWith('events'))
    let blocked = 0
    for (const name of names) {
      const told = (await readFile(join(node.dir, name), 'utf8')).split('\n').slice(0, -1).map((line) => JSON.parse(line) as Told)
      t.ok(told.every(({ event: { sequence } }, n) => n === 0 || sequence > (told[n - 1]?.event.sequence ?? 0)), 'numbers ascend')
      t.ok(told.every(({ event: { duration } }) => duration >= 0 && duration < 60e9), 'nothing took an hour, or less than no time')
      blocked += told.filter(({ rule, url }) => rule.id === 'large' && url.path?.endsWith('/append_v2') === true).length
    }
    t.equal(blocked, 6)
  })
})

t.test('the clock is put back a day while Redis cannot be read', { skip: skip || noRedis(), timeout: 120_000 }, async (t) => onRedis(t))

async function onRedis(t: Test): Promise<void> {
  const redis = await startRedis({ keep: true })
  if (redis === null) return
  t.teardown(() => redis.close())
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const { env, step } = await steppable(dir)
  const node = await startNode(join(dir, 'node'), origin, redis.url, TOKEN, {}, env)
  t.teardown(() => node.kill())
  t.equal((await node.putPolicy(POLICY)).status, 200)
  await redis.stop()
  await until('it notices', async () => await metric(node, 'sluice_store_up') === 0)
  for (const seconds of [DAY, -DAY]) {
    await step(seconds)
    t.equal(await upload(node), 200)
    t.equal(await toBox(node), 403)
    const age = await metric(node, 'sluice_policy_age_seconds')
    t.ok(age >= 0 && age < HOUR, `${age} s`)
  }
  await redis.restart()
  await until('it is read again', async () => await metric(node, 'sluice_store_up') === 1, 15_000)
  t.equal((await node.putPolicy(POLICY)).status, 200)
  t.equal(await node.end(), 0)
}

/** The environment of a process whose clock `step` puts so many seconds before or behind the right time. */
async function steppable(dir: string): Promise<{ env: Record<string, string>; step: (seconds: number) => Promise<void> }> {
  const file = join(dir, 'clock')
  await writeFile(file, '+0')
  return {
    env: {
      LD_PRELOAD: library ?? '', FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', NO_FAKE_STAT: '1',
      // Durations are of another clock, which is never put.
      DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    step: async (seconds) => {
      await writeFile(file, seconds < 0 ? String(seconds) : `+${seconds}`)
      // Timers that look at the clock twice a second do so once at least.
      await sleep(600)
    },
  }
}

let files = 0

async function upload(node: NodeProcess): Promise<number> {
  return (await ask(node, 'POST', 'https://content.dropboxapi.com/2/files/upload', {
    ...BEARER, 'content-type': 'application/octet-stream', 'dropbox-api-arg': JSON.stringify({ path: `/${++files}.bin` }),
  }, 'hello')).status
}

async function toOneDrive(node: NodeProcess, bytes: number): Promise<number> {
  return (await ask(node, 'PUT', 'https://contoso-my.sharepoint.com/personal/fay/Documents/a.txt', BEARER, Buffer.alloc(bytes))).status
}

/** To a host that is blocked; while nothing is judged, the stand-in's own certificate is seen, and that counts as 200. */
async function toBox(node: NodeProcess): Promise<number> {
  const form = '--b\r\nContent-Disposition: form-data; name="attributes"\r\n\r\n{"name":"a.txt","parent":{"id":"0"}}\r\n' +
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n'
  try {
    return (await ask(node, 'POST', 'https://upload.box.com/api/2.0/files/content', { ...BEARER, 'content-type': 'multipart/form-data; boundary=b' }, form)).status
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE') return 200
    throw error
  }
}

function glass(node: NodeProcess): Promise<number> {
  return metric(node, 'sluice_break_glass')
}

async function metric(node: NodeProcess, name: string): Promise<number> {
  const text = await (await node.api('GET', '/metrics')).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}
