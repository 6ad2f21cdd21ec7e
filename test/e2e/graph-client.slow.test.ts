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
  for (const [how, file, name] of uploads) {
    const { code, said, stderr } = await graphClient([how, file.path, name], world)
    t.match([code, said], [0, { id: String, size: file.size }], stderr)
    const back = join(dir, `${how}.back`)
    await graphClient(['get', back, name], world)
    t.equal(await sha256File(back), file.sha256)
  }
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
  for (const how of ['put', 'session', 'stream'] as const) {
    const { code, said } = await graphClient([how, large.path, 'no.bin'], world)
    t.match([code, said], [1, refusal], how)
  }
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
  const blocked = { action: 'block', provider: 'onedrive', name: 'no.bin' }
  t.match(uploadsOf((await eventsSoFar(world)).slice(before)), [
    { ...blocked, step: 'single', size: { bytes: large.size, is: 'exact' } }, { ...blocked, step: 'start' }, { ...blocked, step: 'single' },
  ])
})

t.test('a size rule stops what is large: in a session and in one piece before its first byte', async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  t.equal((await graphClient(['put', small.path, 'small.bin'], world)).code, 0)
  const before = origin.fileBytes()
  for (const how of ['put', 'session'] as const) {
    t.match(await graphClient([how, large.path, 'large.bin'], world), { code: 1, said: refusal }, how)
  }
  t.equal(origin.fileBytes(), before)
  // A stream has no length: it is cut when it passes the limit.
  t.match(await graphClient(['stream', large.path, 'large.bin'], world), { code: 1 })
  const left = origin.fileBytes() - before
  t.ok(left > 0 && left < LEAVES_AT_MOST, `${left} bytes left`)
  t.match(origin.stored(), [{ name: 'small.bin' }])
})
