/** Exceptions and break-glass at two Sluice processes on one Redis: what is decided at one counts at the other. */
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { main } from '../../proxy/cli.ts'
import { startOrigin } from '../origin/origin.ts'
import { noRedis, startRedis } from '../policy/store/redis-server.ts'
import type { RedisServer } from '../policy/store/redis-server.ts'
import { until } from '../policy/store/wait.ts'
import { curl } from './curl.ts'
import { startNode } from './node-process.ts'
import type { NodeProcess } from './node-process.ts'
import { MESSAGE, withRules } from './policies.ts'
import { CONTENT, UPLOAD } from './wire.ts'

const redis = await startRedis()
if (redis === null) t.test('two nodes on one Redis', { skip: noRedis() }, () => undefined)
else await onRedis(redis)

async function onRedis(redis: RedisServer): Promise<void> {
  t.teardown(() => redis.close())
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const start = async (name: string): Promise<NodeProcess> => {
    const node = await startNode(join(dir, name), origin, redis.url, 'controls-test-token')
    t.teardown(() => node.kill())
    return node
  }
  const [one, two] = [await start('one'), await start('two')]
  const send = (node: NodeProcess, caFile = node.caFile) => curl([
    '-H', 'Authorization: Bearer FAKE-TOKEN', '-H', 'Dropbox-API-Arg: {"path":"/a.txt"}', '-H', 'Content-Type: application/octet-stream',
    '--data-binary', 'x', `https://${CONTENT}${UPLOAD}`,
  ], { proxy: node.proxy, caFile })
  const sluice = async (t: Test, ...args: string[]): Promise<string> => {
    let [out, err] = ['', '']
    const code = await main(args, { env: { SLUICE_STORE_URL: redis.url }, out: text => { out += text }, err: text => { err += text } })
    t.equal(code, 0, err)
    return out
  }
  const blocks = withRules({ id: 'ask', when: { activity: 'upload' }, action: 'block', coach: true, message: MESSAGE })
  const put = await one.putPolicy(blocks)
  if (!put.ok) throw new Error(await put.text())

  t.test('asked at one, granted by the command line, counts at the other, also after a restart, and is revoked everywhere', async t => {
    await until('node two blocks', async () => (await send(two)).status === 403)
    const refused = await send(one)
    const [, origin = '', event = ''] = /(http:\S+)\/exception\?event=([\w-]{16})/.exec(refused.stdout) ?? []
    const form = ['--noproxy', '*', '-d', `event=${event}`, '-d', 'reason=The fair.']
    t.equal((await curl([...form, `${new URL(two.proxy).origin}/exception`], two)).status, 404, 'only the node that refused knows of it')
    t.equal((await curl([...form, `${origin}/exception`], one)).status, 200)
    const [id = '', state, rule, provider, who, , reason] = (await sluice(t, 'exception', 'list', '--state', 'asked')).trim().split('\t')
    t.strictSame([state, rule, provider, who, reason], ['asked', 'ask', 'dropbox', '127.0.0.1', 'The fair.'])
    t.match(await sluice(t, 'exception', 'grant', id, '--for', '1h', '--comment', 'Fine.'), /\tgranted\t/)
    for (const node of [one, two]) await until('the upload passes', async () => (await send(node)).status === 200)
    const three = await start('three')
    t.equal((await send(three)).status, 200, 'a node that starts later knows it')
    t.match(await sluice(t, 'exception', 'revoke', id), /\trevoked\t/)
    for (const node of [one, two, three]) await until('the upload is blocked', async () => (await send(node)).status === 403)
    const audit = await (await one.api('GET', '/v1/audit')).text()
    for (const action of ['exception.ask', 'exception.grant', 'exception.revoke']) t.match(audit, action)
    t.match(audit, 'address:127.0.0.1')
  })

  t.test('break-glass holds at both, and ends at both', async t => {
    await sluice(t, 'break-glass', 'on', '--reason', 'Emergency.', '--for', '1h')
    for (const node of [one, two]) await until('it passes unopened', async () => (await send(node, origin.caFile)).status === 200)
    await sluice(t, 'break-glass', 'off')
    for (const node of [one, two]) await until('it is blocked again', async () => (await send(node)).status === 403)
    for (const node of [one, two]) t.match(node.said(), /break-glass is on.*\n(.*\n)*.*break-glass is off/)
  })
}
