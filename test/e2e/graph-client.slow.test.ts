/** Microsoft's own `@microsoft/microsoft-graph-client`, unmodified, through Sluice. */
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { graphClient } from '../origin/graph-client.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, MESSAGE } from './policies.ts'
import { uploadsOf } from './recorded-uploads.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const dir = t.testdir()
const small = await makeFile(100_000, { dir, name: 'small.bin' })
/** Three ranges of a session. */
const large = await makeFile(9_000_000, { dir, name: 'large.bin' })
const refusal = { code: 'accessDenied', message: new RegExp(MESSAGE) }

t.test('what the package may send arrives and comes back byte-identical', async t => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const before = (await eventsSoFar(world)).length
  const uploads = [['put', small, 'snö & co.bin'], ['session', large, 'large.bin'], ['stream', large, 'stream.bin']] as const
  const up = await graphClient(uploads.map(([how, { path }, name]) => [how, path, name]), world)
  t.match(up, uploads.map(([, { size }]) => ({ id: String, size })))
  await graphClient(uploads.map(([how, , name]) => ['get', join(dir, `${how}.back`), name]), world)
  for (const [how, { sha256 }] of uploads) t.equal(await sha256File(join(dir, `${how}.back`)), sha256, how)
  t.match(origin.stored(), [
    { provider: 'onedrive', path: '/up/snö & co.bin', sha256: small.sha256 },
    { path: '/up/large.bin', sha256: large.sha256 },
    { path: '/up/stream.bin', sha256: large.sha256 },
  ])
  const events = (await eventsSoFar(world)).slice(before)
  const whole = { bytes: large.size, is: 'exact' }
  const passed = { action: 'allow', provider: 'onedrive' }
  t.match(uploadsOf(events), [
    { ...passed, step: 'single', name: 'snö & co.bin', size: { bytes: small.size, is: 'exact' } },
    { ...passed, step: 'start', name: 'large.bin' },
    { ...passed, step: 'chunk', size: whole }, { ...passed, step: 'chunk', size: whole }, { ...passed, step: 'chunk', size: whole },
    { ...passed, step: 'single', name: 'stream.bin' },
  ])
})

t.test('a blocked upload rejects with the message of the rule, and no byte of the file leaves', async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const before = (await eventsSoFar(world)).length
  const hows = ['put', 'session', 'stream'] as const
  t.match(await graphClient(hows.map(how => [how, large.path, 'no.bin']), world), hows.map(() => refusal))
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
  const uploads = uploadsOf((await eventsSoFar(world)).slice(before))
  t.ok(uploads.every(({ action, provider, name }) => action === 'block' && provider === 'onedrive' && name === 'no.bin'))
  t.strictSame(uploads.map(({ step }) => step).sort(), ['single', 'single', 'start'])
  t.ok(uploads.some(({ size }) => size.is === 'exact' && size.bytes === large.size), 'the size of what tells it')
})

t.test('a size rule stops what is large: in a session and in one piece before its first byte', async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  t.match(await graphClient([['put', small.path, 'small.bin']], world), [{ size: small.size }])
  const before = origin.fileBytes()
  t.match(await graphClient([['put', large.path, 'large.bin'], ['session', large.path, 'large.bin']], world), [refusal, refusal])
  t.equal(origin.fileBytes(), before)
  // A stream has no length: it is cut when it passes the limit, and its sender may see no more than that.
  const streamed = await graphClient([['stream', large.path, 'large.bin']], world)
  t.notMatch(streamed, [{ size: large.size }])
  const left = origin.fileBytes() - before
  t.ok(left > 0 && left < LEAVES_AT_MOST, `${left} bytes left`)
  t.match(origin.stored(), [{ name: 'small.bin' }])
})
