/** Redis is gone and a recogniser throws, both at once: uploads to that provider are refused, everything else passes, both are counted. */
import t from 'tap'
import type { Test } from 'tap'
import { dropbox } from '../../../policy/providers/dropbox.ts'
import { curl } from '../../e2e/curl.ts'
import { events, metric, watchProcess } from '../../e2e/observe.ts'
import { ALLOW_ALL } from '../../e2e/policies.ts'
import { ask, startDrive, putChunk } from '../../e2e/session-clients.ts'
import { ask2, openHttp2 } from '../../e2e/wire.ts'
import { startWorld } from '../../e2e/world.ts'
import { noRedis, startRedis } from '../../policy/store/redis-server.ts'
import type { RedisServer } from '../../policy/store/redis-server.ts'
import { until } from '../../policy/store/wait.ts'

const CONTENT = 'content.dropboxapi.com'
const BEARER = { authorization: 'Bearer FAKE' }
const UPLOAD = { ...BEARER, 'content-type': 'application/octet-stream', 'dropbox-api-arg': '{"path":"/a.txt"}' }

const faults = watchProcess(t)
const redis = await startRedis()
if (redis === null) t.test('a recogniser that throws while Redis is gone', { skip: noRedis() }, () => undefined)
else t.test('a recogniser that throws while Redis is gone', async (t) => onRedis(t, redis))

async function onRedis(t: Test, redis: RedisServer): Promise<void> {
  t.teardown(() => redis.close())
  const world = await startWorld({ config: { store: { url: redis.url } } })
  t.teardown(() => world.close())
  const { origin } = world
  await world.setPolicy(ALLOW_ALL)
  const upload = () => ask(world, 'POST', `https://${CONTENT}/2/files/upload`, UPLOAD, 'hello')
  t.equal((await upload()).status, 200)
  const drive = await startDrive(world, 'before.bin')
  const before = origin.stored().length

  const { recognise } = dropbox
  t.teardown(() => { Object.assign(dropbox, { recognise }) })
  Object.assign(dropbox, { recognise: () => { throw new Error('a defect') } })
  await redis.stop()

  const refused = await upload()
  t.equal(refused.status, 403)
  t.match(JSON.parse(refused.body), { error_summary: /./ }, 'in the form of the provider')
  t.notMatch(refused.body, 'a defect', 'what went wrong inside is nobody\'s business')
  const session = await openHttp2(world, CONTENT)
  const streams = await Promise.all(['/2/files/upload', '/2/files/upload_session/start', '/2/files/download'].map((path) =>
    ask2(session, { ':method': 'POST', ':path': path, ...BEARER, 'dropbox-api-arg': '{"path":"/a.txt"}' }, Buffer.from('hello'))))
  session.destroy()
  t.strictSame(streams.map(({ status }) => status), [403, 403, 403], 'what it cannot tell apart is refused, stream by stream')
  t.equal(origin.stored().length, before)

  t.equal((await putChunk(world, drive, 0, 1_000, 1_000)).status, 200, 'another provider takes an upload that began before')
  t.equal((await ask(world, 'PUT', 'https://contoso-my.sharepoint.com/personal/fay/Documents/a.txt', BEARER, 'hello')).status, 404, 'and the stand-in is asked')
  t.equal((await curl(['https://www.googleapis.com/drive/v3/files'], world)).status, 200, 'what is no upload passes')
  t.equal((await curl(['--cacert', origin.caFile, 'https://www.example.com/'], { ...world, caFile: origin.caFile })).status, 200, 'what is no cloud storage passes unopened')

  await until('both are told', async () => await metric(world, 'sluice_store_up') === 0)
  t.equal(await metric(world, 'sluice_decision_reasons_total', { reason: 'recogniser-failed', action: 'block' }), 4)
  t.equal(await metric(world, 'sluice_refused_total', { code: 'recogniser.failed' }), 4)
  t.ok(await metric(world, 'sluice_decision_reasons_total', { reason: 'snapshot-stale' }) > 0)
  t.ok(await metric(world, 'sluice_session_store_failures_total') + await metric(world, 'sluice_binding_store_failures_total') > 0)
  await until('an event is kept of each', async () => {
    const found = (await events(world)).filter(({ sluice }) => sluice.reasons.includes('recogniser-failed'))
    return found.length === 4 && found.every(({ sluice }) => sluice.action === 'block' && sluice.operation?.provider === 'dropbox')
  })

  Object.assign(dropbox, { recognise })
  await redis.restart()
  await until('both are well again', async () => await metric(world, 'sluice_store_up') === 1, 15_000)
  t.equal((await upload()).status, 200)
  t.strictSame(faults, [], 'nothing that would have ended the process')
}
