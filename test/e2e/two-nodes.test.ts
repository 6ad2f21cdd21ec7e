/** Two Sluice processes on one Redis: what is changed at one decides at the other, and Redis may go and come. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { startOrigin } from '../origin/origin.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { noRedis, startRedis } from '../policy/store/redis-server.ts'
import type { RedisServer } from '../policy/store/redis-server.ts'
import { until } from '../policy/store/wait.ts'
import { startNode } from './node-process.ts'
import type { NodeProcess } from './node-process.ts'
import { ALLOW_ALL, BLOCK_UPLOADS, MESSAGE, withRules } from './policies.ts'

const TOKEN = 'two-nodes-test-token'
const OWN = 'https://contoso-my.sharepoint.com/personal/fay/Documents/two-nodes.txt'
const FOREIGN = 'https://fabrikam-my.sharepoint.com/personal/finn/Documents/two-nodes.txt'
/** What the stand-in itself answers there: the upload reached it. */
const PASSED = 404
const FOREIGN_BLOCKED = withRules({
  id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block', message: MESSAGE,
})

interface Answer {
  readonly status: number
  readonly body: string
  /** Whether a connection that was open already carried it. */
  readonly reused: boolean
}

/** A client with one connection through a node, which it keeps open. */
async function keepAliveClient(t: Test, node: NodeProcess): Promise<(url: string) => Promise<Answer>> {
  const agent = proxyAgent(node.proxy, await readFile(node.caFile, 'utf8'))
  Object.assign(agent, { keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return (url) => new Promise((resolve, reject) => {
    const sent = request(url, { method: 'PUT', agent, headers: { 'content-length': 5 } }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => { body += text })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, reused: sent.reusedSocket }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end('hello')
  })
}

/** One sample of `/metrics`. */
async function metric(node: NodeProcess, name: string): Promise<number> {
  const text = await (await node.api('GET', '/metrics')).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

const redis = await startRedis()
if (redis === null) t.test('two nodes on one Redis', { skip: noRedis() }, () => undefined)
else await onRedis(redis)

async function onRedis(redis: RedisServer): Promise<void> {
  t.teardown(() => redis.close())
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const nodes: NodeProcess[] = []
  for (const name of ['one', 'two']) {
    const node = await startNode(join(dir, name), origin, redis.url, TOKEN)
    t.teardown(() => node.kill())
    nodes.push(node)
  }
  const [one, two] = nodes
  if (one === undefined || two === undefined) throw new Error('two nodes were started')
  const upload = await keepAliveClient(t, two)

  t.test('a policy put at one decides at the other, on a connection that was already open', async (t) => {
    t.equal((await one.putPolicy(ALLOW_ALL)).status, 200)
    await until('node two lets the upload pass', async () => (await upload(OWN)).status === PASSED)
    t.equal((await upload(OWN)).reused, true)
    t.equal((await one.putPolicy(BLOCK_UPLOADS)).status, 200)
    let answer: Answer | undefined
    await until('node two blocks the upload', async () => {
      answer = await upload(OWN)
      return answer.status === 403
    })
    t.match(answer, { body: new RegExp(MESSAGE), reused: true })
  })

  t.test('a tenant put at one counts at the other', async (t) => {
    t.equal((await two.putPolicy(FOREIGN_BLOCKED)).status, 200)
    await until('node two lets the upload pass', async () => (await upload(FOREIGN)).status === PASSED)
    t.equal((await one.api('PUT', '/v1/tenants/microsoft/contoso', { name: 'Contoso' })).status, 200)
    await until('node two knows that the tenant is foreign', async () => (await upload(FOREIGN)).status === 403)
    t.equal((await upload(OWN)).status, PASSED)
    t.match(await (await two.api('GET', '/v1/tenants/microsoft/contoso')).json(), { id: 'contoso', name: 'Contoso' })
  })

  t.test('without Redis both go on deciding and say so; a change is refused', async (t) => {
    await redis.stop()
    for (const node of nodes) {
      await until('the node notices', async () => await metric(node, 'sluice_store_up') === 0)
      const ready = await node.api('GET', '/readyz')
      t.equal(ready.status, 200)
      t.match(await ready.json(), { degraded: true, checks: { store: 'down' } })
      const send = await keepAliveClient(t, node)
      t.match(await send(FOREIGN), { status: 403, body: new RegExp(MESSAGE) })
      t.equal((await send(OWN)).status, PASSED)
      const put = await node.putPolicy(ALLOW_ALL)
      t.ok(put.status >= 500 && put.status < 600, `PUT answers ${put.status}`)
      t.equal(put.headers.get('content-type'), 'application/problem+json')
      t.match(await put.json(), { code: 'store.unreachable' })
      t.equal((await send(FOREIGN)).status, 403, 'the refused policy does not decide')
    }
  })

  t.test('when Redis is back, empty, policy and tenants are put back and changes pass again', async (t) => {
    await redis.restart()
    for (const node of nodes) {
      await until('the node finds Redis again', async () => await metric(node, 'sluice_store_up') === 1, 15_000)
      t.match(await (await node.api('GET', '/readyz')).json(), { degraded: false, checks: { store: 'up' } })
    }
    t.equal((await upload(FOREIGN)).status, 403)
    t.match(await (await one.api('GET', '/v1/tenants')).json(), { tenants: [{ account: 'microsoft', id: 'contoso' }] })
    t.equal((await one.putPolicy(ALLOW_ALL)).status, 200)
    await until('node two lets the upload pass', async () => (await upload(FOREIGN)).status === PASSED)
  })

  t.test('SIGTERM ends each with exit code 0', async (t) => {
    for (const node of nodes) {
      t.equal(await node.end(), 0, node.said())
      t.notMatch(node.said(), TOKEN, 'the token is in no log')
    }
  })
}
