/** Nextcloud's own sync client (`nextcloudcmd`), unmodified, through Sluice to a server that the configuration declares. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { nextcloud, nextcloudAvailable } from '../origin/nextcloud.ts'
import type { StoredFile } from '../origin/stand-in.ts'
import { noSystemTrust } from '../origin/trusted-by-system.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, withRules } from './policies.ts'
import { byName, uploadsOf } from './recorded-uploads.ts'
import type { RecordedUpload } from './recorded-uploads.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const skip = nextcloudAvailable() ? noSystemTrust() : 'nextcloudcmd is not installed (Debian: apt-get install nextcloud-desktop-cmd)'
const world = await startWorld({ config: { intercept: { catalogue: [new URL('webdav.yaml', import.meta.url).pathname] } } })
t.teardown(() => world.close())
const { origin } = world

/** Each goes in another way: in one request for all that are small, in one of its own, in chunks. */
const SIZES = { 'notes.txt': 1_000, 'snö.bin': 2_000, 'medium.bin': 2_000_000, 'large.bin': 12_000_000 }
const NAMES = Object.keys(SIZES)

/** The client keeps its state in the folder: each test has a new one. */
async function filled(dir: string): Promise<ReadonlyMap<string, string>> {
  await mkdir(join(dir, 'up'))
  const hashes = new Map<string, string>()
  for (const [name, size] of Object.entries(SIZES)) hashes.set(name, (await makeFile(size, { dir: join(dir, 'up'), name })).sha256)
  return hashes
}

const storedNow = (): readonly StoredFile[] => byName(origin.stored())
const uploadsSince = async (count: number): Promise<readonly RecordedUpload[]> => uploadsOf((await eventsSoFar(world)).slice(count))
const eventCount = async (): Promise<number> => (await eventsSoFar(world)).length
const of = (uploads: readonly RecordedUpload[], ...steps: readonly string[]): readonly RecordedUpload[] =>
  uploads.filter(({ step }) => steps.includes(step))

const provider = 'custom-nextcloud'
const medium = { provider, step: 'single', name: 'medium.bin', size: { bytes: SIZES['medium.bin'], is: 'exact' } }
const large = { provider, step: 'start', size: { bytes: SIZES['large.bin'], is: 'exact' } }

t.test('what Nextcloud may send arrives and comes back byte-identical', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const before = await eventCount()
  const dir = t.testdir({ here: {}, back: {} })
  const hashes = await filled(join(dir, 'here'))
  const up = await nextcloud(join(dir, 'here'), world)
  t.equal(up.code, 0, 'it ends well', { up })
  t.strictSame(new Map(storedNow().map(({ path, sha256 }) => [path.slice('/up/'.length), sha256])), new Map([...hashes].sort()))
  const uploads = await uploadsSince(before)
  t.match(of(uploads, 'single'), [{ action: 'allow', ...medium }])
  t.match(of(uploads, 'start', 'finish'), [{ action: 'allow', ...large }, { action: 'allow', ...large, step: 'finish', name: 'large.bin' }])
  const chunks = of(uploads, 'chunk')
  t.match(chunks, [{ action: 'allow', provider }, { action: 'allow', provider }])
  t.equal(Math.max(...chunks.map(({ size }) => size.bytes)), SIZES['large.bin'], 'they add up')
  t.match(of(uploads, 'batch'), [{ action: 'allow', provider, size: { is: 'exact' } }])
  const down = await nextcloud(join(dir, 'back'), world)
  t.equal(down.code, 0, 'it ends well', { down })
  for (const name of NAMES) t.equal(await sha256File(join(dir, 'back', 'up', name)), hashes.get(name), name)
})

t.test('a rule that headers settle: not one byte of a file leaves', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const before = await eventCount()
  const dir = t.testdir()
  await filled(dir)
  const { code, stderr } = await nextcloud(dir, world)
  t.ok(code !== null && code > 0, `exit code ${code}`)
  t.match(stderr, '403 Forbidden')
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
  const uploads = await uploadsSince(before)
  t.ok(uploads.every(({ action }) => action === 'block'))
  t.match(of(uploads, 'single'), [medium])
  t.match(of(uploads, 'start'), [large])
  t.match(of(uploads, 'batch').at(0), { provider })
})

t.test('a size rule stops the larger files before their first byte, and lets the small ones pass', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  const before = await eventCount()
  const dir = t.testdir()
  await filled(dir)
  await nextcloud(dir, world)
  t.match(storedNow(), [{ name: 'notes.txt' }, { name: 'snö.bin' }])
  t.equal(storedNow().length, 2)
  const uploads = await uploadsSince(before)
  t.match(of(uploads, 'single', 'start').map(({ action }) => action), ['block', 'block'])
  t.match(of(uploads, 'batch'), [{ action: 'allow', size: { bytes: origin.fileBytes(), is: 'exact' } }])
})

t.test('a rule on names stops what is named only later, or within the body', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(withRules({ id: 'no-notes', when: { activity: 'upload', fileName: ['notes.*', 'large.*'] }, action: 'block' }))
  const before = await eventCount()
  const dir = t.testdir()
  await filled(dir)
  await nextcloud(dir, world)
  t.match(storedNow(), [{ name: 'medium.bin' }])
  t.equal(origin.fileBytes(), SIZES['medium.bin'])
  const uploads = await uploadsSince(before)
  t.match(of(uploads, 'single'), [{ action: 'allow', ...medium }])
  t.ok(of(uploads, 'start', 'batch').every(({ action }) => action === 'block'))
})
