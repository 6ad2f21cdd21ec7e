/** An origin that cannot be reached is a failure, not a decision: nothing counts as blocked, and nothing as uploaded. */
import t from 'tap'
import { until } from '../policy/store/wait.ts'
import { curl } from './curl.ts'
import { ALLOW_ALL } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

t.test('what was taken for an origin that was never reached is not counted as sent', async t => {
  // Port 1 of loopback takes no connection.
  const world = await startWorld()
  t.teardown(() => world.close())
  const dead = await startWorld({ config: { upstream: { hosts: { ...world.origin.upstreamHosts(), 'content.dropboxapi.com:443': '127.0.0.1:1' } } } })
  t.teardown(() => dead.close())
  await dead.setPolicy(ALLOW_ALL)
  const { status } = await curl(['--http1.1', '-X', 'POST', '-H', 'Dropbox-API-Arg: {"path":"/a"}', '--data-binary', '12345',
    'https://content.dropboxapi.com/2/files/upload'], dead)
  t.equal(status, 502)
  let found: Awaited<ReturnType<typeof eventsSoFar>>[number] | undefined
  await until('the event', async () => {
    found = (await eventsSoFar(dead)).find(({ url }) => url.domain === 'content.dropboxapi.com')
    return found !== undefined
  })
  t.match(found, { http: { request: { body: { bytes: 0 } }, response: { status_code: 502 } }, sluice: { action: 'allow' } })
  t.ok(found?.sluice.reasons.includes('upstream-failed'))
  const usage = await (await dead.api('GET', '/v1/usage?by=provider')).json()
  t.strictSame(usage, { by: 'provider', over: '24h', rows: [] })
})

t.test('a described upload whose size is left out has an unknown one', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const answer = await world.api('POST', '/v1/decisions', {
    method: 'POST', url: 'https://content.dropboxapi.com/2/files/upload', headers: { 'Dropbox-API-Arg': '{"path":"/a"}' },
  })
  t.match(await answer.json(), { operation: { activity: 'upload', size: { is: 'unknown' } } })
})
