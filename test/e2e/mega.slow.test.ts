/**
 * Debian's `megatools` through Sluice. It takes one key only from MEGA's API, so that as it is it cannot be looked into, and
 * sends nothing; what it would send is seen with a copy that expects Sluice's key in that one place.
 */
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { makeFile, sha256File } from '../origin/bytes.ts'
import { megatools, megatoolsAvailable, withPin } from '../origin/megatools.ts'
import type { ProgramResult } from '../origin/run-program.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS } from './policies.ts'
import { byName, uploadsOf } from './recorded-uploads.ts'
import type { RecordedUpload } from './recorded-uploads.ts'
import { eventsSoFar } from './recorded.ts'
import { connect, secure } from './wire.ts'
import { startWorld } from './world.ts'

const API = 'g.api.mega.co.nz'

const installed = megatoolsAvailable()
const skip = installed === null ? 'megatools is not installed (Debian: apt-get install megatools)' : false
const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const dir = t.testdir()
const small = await makeFile(1_000, { dir, name: 'snö.bin' })
/** Several chunks. */
const large = await makeFile(5_000_000, { dir, name: 'large.bin' })
const program = join(dir, 'megatools')
if (installed !== null) await withPin(installed, await keyOfSluice(), program)

const PUT = ['--no-progress', '--path', '/Root', small.path, large.path]
const put = (): Promise<ProgramResult> => megatools('put', PUT, { ...world, program })
const uploadsSince = async (count: number): Promise<readonly RecordedUpload[]> => uploadsOf((await eventsSoFar(world)).slice(count))
const start = (action: string, bytes: number): object => ({ action, provider: 'mega', step: 'start', size: { bytes, is: 'exact' } })

t.test('as it is, it refuses the certificate, and nothing of a file leaves even where all is allowed', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const { code, stderr } = await megatools('put', ['--path', '/Root', small.path], world)
  t.equal(code, 1)
  t.match(stderr, 'SSL public key does not match pinned public key')
  t.equal(origin.fileBytes(), 0)
  t.same(origin.requests().filter(({ host }) => host === API), [])
})

t.test('what it may send arrives and comes back byte-identical', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(ALLOW_ALL)
  const before = (await eventsSoFar(world)).length
  const up = await put()
  t.equal(up.code, 0, up.stderr)
  t.match(byName(origin.stored()), [
    { provider: 'mega', path: '/large.bin', sha256: large.sha256 }, { provider: 'mega', path: '/snö.bin', sha256: small.sha256 },
  ])
  const back = join(dir, 'back.bin')
  const down = await megatools('get', ['--no-progress', '--path', back, '/Root/large.bin'], { ...world, program })
  t.equal(down.code, 0, down.stderr)
  t.equal(await sha256File(back), large.sha256)
  const uploads = await uploadsSince(before)
  t.ok(uploads.every(({ action, provider }) => action === 'allow' && provider === 'mega'))
  t.ok(uploads.every(({ name }) => name === undefined), 'names are enciphered')
  t.match(uploads.filter(({ step }) => step === 'start'), [start('allow', small.size), start('allow', large.size)])
  t.equal(uploads.filter(({ step }) => step === 'finish').length, 2)
  const chunks = uploads.filter(({ step }) => step === 'chunk')
  t.equal(Math.max(...chunks.map(({ size }) => size.bytes)), large.size, 'the chunks add up')
})

t.test('a rule that the start settles: not one byte of a file leaves', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_UPLOADS)
  const before = (await eventsSoFar(world)).length
  const { code, stderr } = await put()
  t.match([code, stderr], [1, /snö\.bin[^]*403[^]*large\.bin[^]*403/])
  t.equal(origin.fileBytes(), 0)
  t.same(origin.stored(), [])
  t.match(await uploadsSince(before), [start('block', small.size), start('block', large.size)])
})

t.test('a size rule stops the large file before its first byte, and lets the small one pass', { skip }, async t => {
  await origin.reset()
  await world.setPolicy(BLOCK_LARGE)
  const before = (await eventsSoFar(world)).length
  t.equal((await put()).code, 1)
  t.equal(origin.fileBytes(), small.size)
  t.match(origin.stored(), [{ name: 'snö.bin', sha256: small.sha256 }])
  const uploads = await uploadsSince(before)
  t.match(uploads.filter(({ step }) => step === 'start'), [start('allow', small.size), start('block', large.size)])
})

/** The key in the certificates that Sluice shows. */
async function keyOfSluice(): Promise<KeyObject> {
  const socket = await secure(world, (await connect(world, `${API}:443`)).socket, API)
  const key = socket.getPeerX509Certificate()?.publicKey
  socket.destroy()
  if (key === undefined) throw new Error('Sluice showed no certificate')
  return key
}
