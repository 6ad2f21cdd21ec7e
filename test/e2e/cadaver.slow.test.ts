/** Debian's `cadaver`, unmodified, to a WebDAV server that the configuration declares. */
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { cadaver, cadaverAvailable } from '../origin/cadaver.ts'
import { noSystemTrust } from '../origin/trusted-by-system.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS } from './policies.ts'
import { byName, uploadsOf } from './recorded-uploads.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const URL_OF_FOLDER = 'https://dav.example/dav/'

const skip = cadaverAvailable() ? noSystemTrust() : 'cadaver is not installed (Debian: apt-get install cadaver)'
const world = await startWorld({ config: { intercept: { catalogue: [new URL('webdav.yaml', import.meta.url).pathname] } } })
t.teardown(() => world.close())
const { origin } = world
const dir = t.testdir()
const small = await makeFile(1_000, { dir, name: 'small.bin' })
const large = await makeFile(12_000_000, { dir, name: 'large.bin' })
const UPLOADS = ['mkcol up', 'cd up', `put ${small.path} snö.bin`, `put ${large.path} large.bin`]
const ofSmall = { provider: 'custom-dav', step: 'single', name: 'snö.bin', size: { bytes: small.size, is: 'exact' } }
const ofLarge = { provider: 'custom-dav', step: 'single', name: 'large.bin', size: { bytes: large.size, is: 'exact' } }

t.test('what cadaver may send arrives and comes back byte-identical', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const before = (await eventsSoFar(world)).length
  const back = join(dir, 'back.bin')
  const { code, stdout } = await cadaver(URL_OF_FOLDER, [
    ...UPLOADS, 'ls', `get large.bin ${back}`, 'lock large.bin', 'unlock large.bin', 'copy large.bin copy.bin', 'move copy.bin moved.bin',
    'propset moved.bin colour red', 'delete moved.bin',
  ], world)
  t.equal(code, 0)
  t.notMatch(stdout, 'failed')
  t.match(origin.stored(), [
    { provider: 'webdav', path: '/up/snö.bin', sha256: small.sha256 }, { provider: 'webdav', path: '/up/large.bin', sha256: large.sha256 },
  ])
  t.equal(await sha256File(back), large.sha256)
  const events = (await eventsSoFar(world)).slice(before)
  t.match(byName(uploadsOf(events)), [{ action: 'allow', ...ofLarge }, { action: 'allow', ...ofSmall }])
  const others = events.filter(({ event }) => event.action !== 'upload' && event.action !== 'list')
  t.strictSame(others.map(({ event, http }) => `${http.request.method} ${event.action}`).sort(), [
    'COPY change', 'DELETE delete', 'GET download', 'LOCK change', 'MKCOL change', 'MOVE change', 'OPTIONS other', 'OPTIONS other',
    'PROPPATCH change', 'UNLOCK change',
  ])
})

t.test('a rule that headers settle: not one byte of a file leaves', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const before = (await eventsSoFar(world)).length
  const { stdout } = await cadaver(URL_OF_FOLDER, UPLOADS, world)
  t.match(stdout, /snö\.bin[^]*403 Forbidden[^]*large\.bin[^]*403 Forbidden/)
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
  t.match(byName(uploadsOf((await eventsSoFar(world)).slice(before))), [{ action: 'block', ...ofLarge }, { action: 'block', ...ofSmall }])
})

t.test('a size rule stops the large file before its first byte, and lets the small one pass', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  const { stdout } = await cadaver(URL_OF_FOLDER, UPLOADS, world)
  t.match(stdout, '403 Forbidden')
  t.equal(origin.fileBytes(), small.size)
  t.match(origin.stored(), [{ name: 'snö.bin', sha256: small.sha256 }])
  t.equal(origin.stored().length, 1)
})
