/** A WebDAV folder that Linux mounts with davfs2, unmodified, through Sluice: programs copy files and know nothing of it. */
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { davfs, noDavfs } from '../origin/davfs.ts'
import { noSystemTrust } from '../origin/trusted-by-system.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS } from './policies.ts'
import { byName, uploadsOf } from './recorded-uploads.ts'
import type { RecordedUpload } from './recorded-uploads.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const FOLDER = 'https://dav.example/dav/'
const COPY = 'mkdir "$1/up" && cp "$2" "$3" "$1/up/"'

const skip = noSystemTrust() || noDavfs()
const world = await startWorld({ config: { intercept: { catalogue: [new URL('webdav.yaml', import.meta.url).pathname] } } })
t.teardown(() => world.close())
const { origin } = world
const dir = t.testdir()
const small = await makeFile(1_000, { dir, name: 'snö.bin' })
const large = await makeFile(3_000_000, { dir, name: 'large.bin' })
const FILES = [large.path, small.path]
const ofSmall = { provider: 'custom-dav', step: 'single', name: 'snö.bin', size: { bytes: small.size, is: 'exact' } }
const ofLarge = { provider: 'custom-dav', step: 'single', name: 'large.bin', size: { bytes: large.size, is: 'exact' } }
const uploadsSince = async (count: number): Promise<readonly RecordedUpload[]> => byName(uploadsOf((await eventsSoFar(world)).slice(count)))

t.test('what is copied into the mount arrives and comes back byte-identical', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const before = (await eventsSoFar(world)).length
  const up = await davfs(FOLDER, COPY, FILES, world)
  t.equal(up.code, 0, up.stderr)
  t.match(byName(origin.stored()), [{ path: '/up/large.bin', sha256: large.sha256 }, { path: '/up/snö.bin', sha256: small.sha256 }])
  t.match(await uploadsSince(before), [{ action: 'allow', ...ofLarge }, { action: 'allow', ...ofSmall }])
  const back = join(dir, 'back.bin')
  const down = await davfs(FOLDER, 'cp "$1/up/large.bin" "$2"', [back], world)
  t.equal(down.code, 0, down.stderr)
  t.equal(await sha256File(back), large.sha256)
})

t.test('a rule that headers settle: not one byte of a file leaves', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const before = (await eventsSoFar(world)).length
  await davfs(FOLDER, COPY, FILES, world)
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
  const uploads = await uploadsSince(before)
  t.ok(uploads.every(({ action }) => action === 'block'))
  for (const wanted of [ofLarge, ofSmall]) t.match(uploads.find(({ name }) => name === wanted.name), wanted)
})

t.test('a size rule stops the large file before its first byte, and lets the small one pass', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  await davfs(FOLDER, COPY, FILES, world)
  t.equal(origin.fileBytes(), small.size)
  t.match(origin.stored(), [{ name: 'snö.bin', sha256: small.sha256 }])
  t.equal(origin.stored().length, 1)
})
