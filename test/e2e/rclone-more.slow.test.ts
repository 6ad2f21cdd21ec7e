/** Debian's rclone, unmodified, through Sluice, to Box, object stores and WebDAV: what is allowed arrives whole, what is blocked never. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import type { FixtureFile } from '../origin/bytes.ts'
import { rclone, noRclone } from '../origin/rclone.ts'
import type { RcloneResult } from '../origin/rclone.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LIMIT, MESSAGE, withRules } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import type { Recorded } from './recorded.ts'
import { startWorld } from './world.ts'

const SMALL = 1_000
const NAME = 'snö + 100% large.bin'

/** Servers of the network's own: what an admin writes for them. Their accounts change nothing of how they are told. */
const CATALOGUE = `providers:
  - { id: custom-dav, like: webdav, hosts: [{ pattern: dav.example }] }
  - { id: custom-nextcloud, like: webdav, account: custom, hosts: [{ pattern: cloud.example }] }
`

interface Remote {
  readonly remote: string
  readonly provider: string
  /** What the stand-in calls the provider, and where it keeps the remote's files. */
  readonly stored: readonly [provider: string, root: string]
  /** The size of a file that goes up in parts, where this rclone cuts files at all. */
  readonly large: number
  readonly args?: readonly string[]
  /** Requests that bring content in one attempt, at most. */
  readonly perAttempt?: number
  /** Whether the head tells the file's name; otherwise a rule that the head settles leaves it unread. */
  readonly named?: boolean
  /** Bytes on endpoints for content before the first byte of the large file: what a start tells of it. */
  readonly start?: number
}

/** With its default of several blocks at a time this rclone never ends once two are refused, whoever refuses them. */
const ONE_BLOCK = ['--azureblob-upload-concurrency', '1']

const REMOTES: readonly Remote[] = [
  { remote: 'box:', provider: 'box', stored: ['box', ''], large: 53_000_000, named: false },
  { remote: 's3:contoso-files/', provider: 's3', stored: ['s3', '/contoso-files'], large: 12_000_000 },
  {
    remote: 'azure:files/', provider: 'azure-blob', stored: ['azure-blob', '/contosofiles/files'], large: 9_000_000,
    args: ONE_BLOCK, perAttempt: 2,
  },
  { remote: 'gcs:contoso-files/', provider: 'gcs', stored: ['gcs', '/contoso-files'], large: 17_000_000, start: 500 },
  { remote: 'webdav:', provider: 'custom-dav', stored: ['webdav', ''], large: 5_000_000 },
  { remote: 'nextcloud:', provider: 'custom-nextcloud', stored: ['webdav', ''], large: 5_000_000 },
]

interface Growing {
  readonly remote: string
  readonly bytes: number
  readonly limit: number
  readonly args?: readonly string[]
  /** Whether the body is cut in its middle; of parts that go up side by side some are. */
  readonly cut?: boolean
  /** This rclone never ends once a form of Box that it is still sending is refused or reset, by whomever. */
  readonly ends?: boolean
}

/** Uploads that tell their size only by their end: in one body of untold length, or in parts that say nothing of the whole. */
const GROWING: readonly Growing[] = [
  { remote: 'box:', bytes: 5_000_000, limit: LIMIT, cut: true, ends: false },
  { remote: 'gcs:contoso-files/', bytes: 5_000_000, limit: LIMIT, cut: true },
  { remote: 'gcs:contoso-files/', bytes: 40_000_000, limit: 20_000_000, cut: false },
  { remote: 's3:contoso-files/', bytes: 20_000_000, limit: 8_000_000 },
  { remote: 'azure:files/', bytes: 3_000_000, limit: LIMIT, args: [...ONE_BLOCK, '--azureblob-chunk-size', '256Ki'], cut: false },
]

/** What rclone does when nobody tells it otherwise: `--retries 3`. */
const RCLONE_RETRIES = 3

// A minute alone; other tests may run beside it.
t.setTimeout(300_000)
const skip = noRclone()
const dir = t.testdir({ 'more.yaml': CATALOGUE })
const world = await startWorld({ config: { intercept: { catalogue: [join(dir, 'more.yaml')] } } })
t.teardown(() => world.close())
const { origin } = world
const small = await makeFile(SMALL, { dir, name: 'small.bin' })
const larges = new Map<number, FixtureFile>()

/** A file of this size called `NAME`, made once. */
async function largeFile(bytes: number): Promise<FixtureFile> {
  const made = larges.get(bytes)
  if (made !== undefined) return made
  const folder = join(dir, String(bytes))
  await mkdir(folder)
  const file = await makeFile(bytes, { dir: folder, name: NAME })
  larges.set(bytes, file)
  return file
}

function run(args: readonly string[], retries: number | null = 1, timeoutMs = 60_000): Promise<RcloneResult> {
  return rclone(args, { proxy: world.proxy, caFile: world.caFile, retries, timeoutMs })
}

/** Events of uploads after the first `before`. */
async function uploadsSince(before: number): Promise<{ uploads: readonly Recorded[]; all: number }> {
  const events = (await eventsSoFar(world)).slice(before)
  return { uploads: events.filter((event) => event.event.action === 'upload'), all: events.length }
}

/** The size that an event tells: of the whole upload, or what passed of a body of untold length. */
function bytesOf({ sluice, http }: Recorded): number {
  return Math.max(sluice.operation?.size.bytes ?? 0, http.request.body.bytes)
}

for (const { remote, provider, stored: [standIn, root], large, args = [] } of REMOTES) {
  t.test(`what rclone may send to ${remote} arrives and comes back byte-identical`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    for (const file of [small, await largeFile(large)]) {
      const name = file === small ? 'small.bin' : NAME
      const before = (await eventsSoFar(world)).length
      const up = await run(['copyto', file.path, `${remote}up/${name}`, ...args])
      t.equal(up.code, 0, up.stderr)
      const stored = origin.stored().filter((one) => one.name === name)
      t.match(stored, [{ provider: standIn, path: `${root}/up/${name}`, size: file.size, sha256: file.sha256 }])
      const { uploads } = await uploadsSince(before)
      t.ok(uploads.length > 0 && uploads.every(({ sluice }) => sluice.operation?.provider === provider && sluice.action === 'allow'))
      t.ok(uploads.every((event) => event.file?.name === name), 'each event names the file')
      t.ok(Math.max(...uploads.map(bytesOf)) >= file.size, 'and one its size')
      const back = join(dir, 'back.bin')
      const down = await run(['copyto', `${remote}up/${name}`, back])
      t.equal(down.code, 0, down.stderr)
      t.equal(await sha256File(back), file.sha256)
    }
    t.equal(origin.stored().length, 2)
  })
}

for (const { remote, provider, large, args = [], perAttempt = 1, named = true } of REMOTES) {
  t.test(`with rclone's own retries not one byte of a blocked file leaves for ${remote}`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    for (const file of [small, await largeFile(large)]) {
      const before = (await eventsSoFar(world)).length
      const { code, stderr } = await run(['copyto', file.path, `${remote}no/${file === small ? 'small.bin' : NAME}`, ...args], null)
      t.ok(code !== null && code > 0, `exit code ${code}`)
      t.match(stderr, MESSAGE)
      t.notMatch(stderr, 'urn:sluice', 'in the form that the service itself answers in')
      const { uploads, all } = await uploadsSince(before)
      t.comment(`${remote} ${file.size} bytes: ${uploads.length} attempts, ${all} requests in all`)
      t.ok(uploads.length > 0 && uploads.length <= RCLONE_RETRIES * perAttempt, 'the refusal makes it repeat no single request')
      for (const event of uploads) {
        t.match(event, { rule: { id: 'no-uploads' }, http: { response: { status_code: 403 } } })
        t.match(event, { sluice: { action: 'block', operation: { provider } } })
        if (named) t.equal(event.file?.name, file === small ? 'small.bin' : NAME)
      }
    }
    t.equal(origin.fileBytes(), 0)
    t.same(origin.stored(), [])
  })
}

for (const { remote, provider, large, args = [], start = 0 } of REMOTES) {
  t.test(`a size rule stops ${large} bytes for ${remote} before the first, and lets a small file pass`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const passes = await run(['copyto', small.path, `${remote}size/small.bin`, ...args])
    t.equal(passes.code, 0, passes.stderr)
    const [before, events] = [origin.fileBytes(), (await eventsSoFar(world)).length]
    const file = await largeFile(large)
    const { code, stderr } = await run(['copyto', file.path, `${remote}size/${NAME}`, ...args])
    t.ok(code !== null && code > 0, `exit code ${code}`)
    t.match(stderr, MESSAGE)
    const left = origin.fileBytes() - before
    t.comment(`${left} bytes reached ${remote}`)
    t.ok(left <= start, `${left} bytes`)
    t.match(origin.stored(), [{ name: 'small.bin', sha256: small.sha256 }])
    t.equal(origin.stored().length, 1)
    const { uploads } = await uploadsSince(events)
    const blocked = uploads.filter(({ sluice }) => sluice.action === 'block')
    t.ok(blocked.length > 0)
    for (const event of blocked) {
      t.match(event, { file: { name: NAME }, rule: { id: 'no-large-uploads' }, sluice: { operation: { provider } } })
      t.ok(bytesOf(event) >= LIMIT, `${bytesOf(event)} bytes are told`)
    }
  })
}

for (const { remote, bytes, limit, args = [], cut, ends = true } of GROWING) {
  t.test(`a size rule of ${limit} bytes stops what grows to ${bytes} at ${remote}`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(withRules({
      id: 'no-large-uploads', when: { activity: 'upload', size: { atLeast: limit } }, action: 'block', message: MESSAGE,
    }))
    const before = (await eventsSoFar(world)).length
    const file = await largeFile(bytes)
    const { code, stderr } = await run(['copyto', file.path, `${remote}grows/${bytes}-${NAME}`, ...args], 1, ends ? 60_000 : 10_000)
    if (ends) {
      t.ok(code !== null && code > 0, `exit code ${code}`)
      t.match(stderr, MESSAGE)
    }
    const left = origin.fileBytes()
    t.comment(`${left} bytes reached ${remote}`)
    t.ok(left > 0 && left <= limit + (1 << 20), `${left} bytes`)
    t.same(origin.stored(), [])
    const { uploads } = await uploadsSince(before)
    const blocked = uploads.filter(({ sluice }) => sluice.action === 'block')
    t.ok(blocked.length > 0)
    if (cut !== undefined) t.ok(blocked.every(({ sluice }) => sluice.cut === cut), cut ? 'within the body' : 'by the head of a part')
  })
}
