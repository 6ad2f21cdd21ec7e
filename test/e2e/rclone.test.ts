/** Debian's rclone, unmodified, through Sluice: what is allowed arrives whole, what is blocked never completes. */
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { rclone, noRclone } from '../origin/rclone.ts'
import type { RcloneResult } from '../origin/rclone.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, MESSAGE } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const SMALL = 1_000
const CHUNKED = 60_000_000

const BACKENDS = [
  { remote: 'dropbox', provider: 'dropbox' },
  { remote: 'drive', provider: 'google-drive' },
  { remote: 'onedrive', provider: 'onedrive' },
] as const

/** `tellsSize`: whether rclone says how large the file is before its first byte. */
const LARGE = [
  { remote: 'dropbox', bytes: CHUNKED, tellsSize: false },
  { remote: 'drive', bytes: 5_000_000, tellsSize: false },
  { remote: 'drive', bytes: CHUNKED, tellsSize: true },
  { remote: 'onedrive', bytes: CHUNKED, tellsSize: true },
] as const

/** What rclone does when nobody tells it otherwise: `--retries 3`. */
const RCLONE_RETRIES = 3

const skip = noRclone()
const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const builtin: unknown = await (await world.api('GET', '/v1/policy')).json()
const dir = t.testdir()
const small = await makeFile(SMALL, { dir, name: 'small.bin' })
const chunked = await makeFile(CHUNKED, { dir, name: 'chunked.bin' })

function run(args: readonly string[], retries: number | null = 1): Promise<RcloneResult> {
  return rclone(args, { proxy: world.proxy, caFile: world.caFile, retries })
}

for (const { remote, provider } of BACKENDS) {
  t.test(`what rclone may send to ${remote}: arrives and comes back byte-identical`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    for (const file of [small, chunked]) {
      const name = file.path.slice(dir.length + 1)
      const up = await run(['copyto', file.path, `${remote}:up/${name}`])
      t.equal(up.code, 0, up.stderr)
      const stored = origin.stored().filter((one) => one.name === name)
      t.match(stored, [{ provider, path: `/up/${name}`, size: file.size, sha256: file.sha256 }])
      const back = join(dir, `${remote}-${name}.back`)
      const down = await run(['copyto', `${remote}:up/${name}`, back])
      t.equal(down.code, 0, down.stderr)
      t.equal(await sha256File(back), file.sha256)
    }
    t.equal(origin.stored().length, 2)
  })

  t.test(`a rule that headers settle: not one byte of a file leaves for ${remote}:`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    for (const file of [small, chunked]) {
      const { code, stderr } = await run(['copyto', file.path, `${remote}:up/blocked.bin`])
      t.ok(code !== null && code > 0, `exit code ${code}`)
      t.match(stderr, MESSAGE)
    }
    t.equal(origin.fileBytes(), 0)
    t.same(origin.stored(), [])
  })

  t.test(`with rclone's own retries a blocked file never completes at ${remote}:`, { skip }, async (t) => {
    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    const before = (await eventsSoFar(world)).length
    const { code, stderr } = await run(['copyto', small.path, `${remote}:up/blocked.bin`], null)
    t.ok(code !== null && code > 0, `exit code ${code}`)
    t.match(stderr, MESSAGE)
    const events = (await eventsSoFar(world)).slice(before)
    const attempts = events.filter((event) => event.event.action === 'upload')
    t.comment(`${remote}: ${attempts.length} attempts, ${events.length} requests in all`)
    t.ok(attempts.length > 0 && attempts.every((event) => event.sluice.action === 'block'))
    t.ok(attempts.length <= RCLONE_RETRIES, 'the refusal makes it repeat no single request')
    t.equal(origin.fileBytes(), 0)
    t.same(origin.stored(), [])
  })
}

for (const { remote, bytes, tellsSize } of LARGE) {
  t.test(`a size rule stops a file of ${bytes} bytes for ${remote}: and lets a small one pass`, { skip }, async (t) => {
    await origin.reset()
    const large = bytes === CHUNKED ? chunked : await makeFile(bytes, { dir: t.testdir() })
    await world.setPolicy(BLOCK_LARGE)
    const passes = await run(['copyto', small.path, `${remote}:up/small.bin`])
    t.equal(passes.code, 0, passes.stderr)
    const before = origin.fileBytes()
    const { code, stderr } = await run(['copyto', large.path, `${remote}:up/large.bin`])
    t.ok(code !== null && code > 0, `exit code ${code}`)
    t.match(stderr, MESSAGE)
    const left = origin.fileBytes() - before
    t.comment(`${left} bytes of the large file reached ${remote}:`)
    if (tellsSize) t.equal(left, 0)
    else t.ok(left > 0 && left < LEAVES_AT_MOST, `${left} bytes`)
    t.match(origin.stored(), [{ name: 'small.bin', sha256: small.sha256 }])
    t.equal(origin.stored().length, 1)
  })
}

t.test('with an allowlist and the built-in policy, a foreign tenant gets not one byte', { skip }, async (t) => {
  await origin.reset()
  await world.setPolicy(builtin)
  const listed = await world.api('PUT', '/v1/tenants/microsoft/contoso', {})
  t.equal(listed.status, 200)
  const own = await run(['copyto', small.path, 'onedrive:up/own.bin'])
  t.equal(own.code, 0, own.stderr)
  t.match(origin.stored(), [{ name: 'own.bin', sha256: small.sha256 }])
  const before = origin.fileBytes()
  const foreign = await run(['copyto', small.path, 'fabrikam:up/foreign.bin'])
  t.ok(foreign.code !== null && foreign.code > 0, `exit code ${foreign.code}`)
  t.match(foreign.stderr, 'an account outside your organisation')
  t.equal(origin.fileBytes(), before)
  t.equal(origin.stored().length, 1)
})
