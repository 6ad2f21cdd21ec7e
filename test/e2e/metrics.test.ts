/** What `/metrics` says beyond counts: bursts, certificates, sinks, and in which form. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { curl } from './curl.ts'
import { eventually, metric } from './observe.ts'
import { BLOCK_UPLOADS } from './policies.ts'
import { makeAuthority } from './tls-server.ts'
import { CONTENT, UPLOAD } from './wire.ts'
import { startWorld } from './world.ts'

const DAY = 86_400

t.test('uploads that were blocked for one client add up, whichever process blocked them', async (t) => {
  const world = await startWorld({ config: { proxy: { listen: '127.0.0.1:0', drain: '0s', workers: 2, limits: { connections: 90, tunnels: 80 } } } })
  t.teardown(() => world.close())
  await world.setPolicy(BLOCK_UPLOADS)
  t.equal(await metric(world, 'sluice_blocked_uploads_of_one_user'), 0)
  const answers = await Promise.all(Array.from({ length: 8 }, () =>
    curl(['--data-binary', 'secret', '-H', 'Content-Type: application/octet-stream', `https://${CONTENT}${UPLOAD}`], world)))
  t.same(answers.map(({ status }) => status), answers.map(() => 403))
  t.ok(await eventually(async () => await metric(world, 'sluice_blocked_uploads_of_one_user') === 8))
  t.equal(await metric(world, 'sluice_upload_requests_total', { action: 'block', client: 'cli', provider: 'dropbox' }), 8)
  t.equal(await metric(world, 'sluice_request_duration_seconds_count', { action: 'block', status: '4xx' }), 8)
  t.equal(await metric(world, 'sluice_connections_limit'), 90, 'the limit is for all processes together')
  t.equal(await metric(world, 'sluice_tunnels_limit'), 80)
  t.equal(await metric(world, 'sluice_event_sink_up', { sink: 'file' }), 1)
  t.equal(await metric(world, 'sluice_events_dropped_total', { sink: 'worker' }), 0)
  const answer = await fetch(`${world.admin}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } })
  t.match(answer.headers.get('content-type'), /^application\/openmetrics-text/)
  const text = await answer.text()
  const [, id = ''] = /sluice_request_duration_seconds_bucket\{.*status="4xx"\} \d+ # \{event_id="([\w-]+)"\}/.exec(text) ?? []
  t.match(await (await world.api('GET', `/v1/events/${id}`)).json(), { sluice: { action: 'block' } }, 'an exemplar of a worker leads to its event')
  t.notMatch(text, '127.0.0.1', 'and nobody is named')
})

t.test('until when certificates are valid, those that a reload takes over too', async (t) => {
  const ca = await makeAuthority()
  t.teardown(() => ca.close())
  const dir = t.testdir()
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  const renew = async (days: number): Promise<void> => {
    const leaf = ca.leaf({ names: ['proxy.example'], days })
    await writeFile(files.cert, leaf.cert)
    await writeFile(files.key, leaf.key)
  }
  await renew(10)
  const world = await startWorld({ config: { proxy: { listen: '127.0.0.1:0', drain: '0s', tls: files } } })
  t.teardown(() => world.close())
  const days = async (certificate: string): Promise<number> =>
    Math.round((await metric(world, 'sluice_certificate_expiry_timestamp_seconds', { certificate }) - Date.now() / 1000) / DAY)
  t.equal(await days('proxy'), 10)
  t.ok(await days('authority') > 300)
  await renew(20)
  await world.sluice.reload()
  t.equal(await days('proxy'), 20)
})
