/** Debian's `onedrive` (abraunegg's sync client), unmodified, through Sluice. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { oneDrive, oneDriveAvailable } from '../origin/onedrive.ts'
import type { StoredFile } from '../origin/stand-in.ts'
import { noSystemTrust } from '../origin/trusted-by-system.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, MESSAGE } from './policies.ts'
import { byName, uploadsOf } from './recorded-uploads.ts'
import type { RecordedUpload } from './recorded-uploads.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'

const UP = ['--upload-only', '--no-remote-delete']
const DRIVES = { business: 'b!FAKEbusinessdrive', personal: 'a1b2c3d4e5f60718' } as const

const skip = oneDriveAvailable() ? noSystemTrust() : 'onedrive is not installed (Debian: apt-get install onedrive)'
const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const builtin: unknown = await (await world.api('GET', '/v1/policy')).json()
const folder = t.testdir({ up: {} })
/** Two fragments of a session. */
const large = await makeFile(12_000_000, { dir: join(folder, 'up'), name: 'large.bin' })
const small = await makeFile(1_000, { dir: join(folder, 'up'), name: 'snö.bin' })
const [largeSize, smallSize] = [large, small].map(({ size }) => ({ bytes: size, is: 'exact' }))

/** The client takes a folder's files in the order that the file system has them: what follows is by name. */
const storedNow = (): readonly StoredFile[] => byName(origin.stored())
const uploadsSince = async (count: number): Promise<readonly RecordedUpload[]> => byName(uploadsOf((await eventsSoFar(world)).slice(count)))

for (const account of ['business', 'personal'] as const) {
  /** A consumer's small files go in one request, all others in sessions, which tell their size with the first range. */
  const ofSmall = (action: string): readonly object[] => {
    const whole = { action, provider: 'onedrive', step: account === 'personal' ? 'single' : 'chunk', name: 'snö.bin', size: smallSize }
    return account === 'personal' ? [whole] : [{ ...whole, step: 'start', size: {} }, ...action === 'block' ? [] : [whole]]
  }
  const start = (action: string): object => ({ action, provider: 'onedrive', step: 'start', name: 'large.bin' })
  const range = (action: string): object => ({ action, provider: 'onedrive', step: 'chunk', name: 'large.bin', size: largeSize })

  t.test(`what may go to a ${account} drive arrives and comes back byte-identical`, { skip }, async t => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const before = (await eventsSoFar(world)).length
    const up = await oneDrive(UP, { ...world, folder, account })
    t.equal(up.code, 0, 'it ends well', { up })
    const stored = { provider: 'onedrive', drive: DRIVES[account] }
    t.match(storedNow(), [
      { ...stored, path: '/up/large.bin', sha256: large.sha256 }, { ...stored, path: '/up/snö.bin', sha256: small.sha256 },
    ])
    t.match(await uploadsSince(before), [start('allow'), range('allow'), range('allow'), ...ofSmall('allow')])
    const back = t.testdir()
    const down = await oneDrive(['--download-only'], { ...world, folder: back, account })
    t.equal(down.code, 0, 'it ends well', { down })
    t.equal(await sha256File(join(back, 'up', 'large.bin')), large.sha256)
    t.equal(await sha256File(join(back, 'up', 'snö.bin')), small.sha256)
  })

  t.test(`a rule that headers settle: not one byte of a file leaves for a ${account} drive`, { skip }, async t => {
    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    const before = (await eventsSoFar(world)).length
    const { stderr } = await oneDrive(UP, { ...world, folder, account })
    t.match(stderr, `Error Reason:     ${MESSAGE}`, 'the client says why')
    t.equal(origin.fileBytes(), 0)
    t.same(origin.stored(), [])
    t.match(await uploadsSince(before), [start('block'), ...ofSmall('block')])
  })

  t.test(`a size rule stops the large file for a ${account} drive, and lets the small one pass`, { skip }, async t => {
    await origin.reset()
    await world.setPolicy(BLOCK_LARGE)
    const before = (await eventsSoFar(world)).length
    const { stderr } = await oneDrive(UP, { ...world, folder, account })
    t.match(stderr, `Error Reason:     ${MESSAGE}`)
    t.equal(origin.fileBytes(), small.size)
    t.match(origin.stored(), [{ name: 'snö.bin', sha256: small.sha256 }])
    // It tries the first range a second time.
    t.match(await uploadsSince(before), [start('allow'), range('block'), range('block'), ...ofSmall('allow')])
  })
}

t.test('with an allowlist and the built-in policy, a private account gets not one byte', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(builtin)
  t.equal((await world.api('PUT', '/v1/tenants/microsoft/contoso', {})).status, 200)
  await oneDrive(UP, { ...world, folder })
  t.match(storedNow(), [{ sha256: large.sha256 }, { sha256: small.sha256 }], 'the own organisation gets the files')
  const before = origin.fileBytes()
  const { stderr } = await oneDrive(UP, { ...world, folder, account: 'personal' })
  t.match(stderr, 'an account outside your organisation')
  t.equal(origin.fileBytes(), before)
  t.equal(origin.stored().length, 2)
})

t.test('over HTTP/2, its own choice, a file arrives and is blocked as well', { skip }, async t => {
  await origin.reset()
  const one = t.testdir()
  await mkdir(join(one, 'up'))
  const file = await makeFile(50_000, { dir: join(one, 'up'), name: 'one.bin' })
  await world.setPolicy(ALLOW_ALL)
  const before = (await eventsSoFar(world)).length
  await oneDrive(UP, { ...world, folder: one, http2: true })
  t.match(origin.stored(), [{ path: '/up/one.bin', sha256: file.sha256 }])
  await world.setPolicy(BLOCK_UPLOADS)
  const sent = origin.fileBytes()
  await oneDrive(UP, { ...world, folder: one, http2: true, account: 'personal' })
  t.equal(origin.fileBytes(), sent)
  const uploads = (await eventsSoFar(world)).slice(before).filter(({ event }) => event.action === 'upload')
  t.match(uploads.map(({ http, sluice }) => [http.version, sluice.action]), [['2', 'allow'], ['2', 'allow'], ['2', 'block']])
})
