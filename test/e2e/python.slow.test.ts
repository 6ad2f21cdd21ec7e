/** The providers' own Python packages, as Debian has them, through Sluice. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { makeFile } from '../origin/bytes.ts'
import { ALLOW_ALL, BLOCK_LARGE, BLOCK_UPLOADS, LEAVES_AT_MOST, MESSAGE } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import type { Recorded } from './recorded.ts'
import { startWorld } from './world.ts'

const PYTHON = '/usr/bin/python3'
const skip = spawnSync(PYTHON, ['-c', 'import dropbox, googleapiclient, google_auth_httplib2']).status === 0
  ? false : 'missing (Debian: apt-get install python3-dropbox python3-googleapi python3-socks)'

const world = await startWorld()
t.teardown(() => world.close())
const { origin } = world
const file = await makeFile(9_000_000, { dir: t.testdir() })

interface Run {
  readonly code: number | null
  readonly stderr: string
  /** Events of this run alone. */
  readonly events: readonly Recorded[]
}

async function python(script: string, ...args: readonly string[]): Promise<Run> {
  const before = (await eventsSoFar(world)).length
  const program = fileURLToPath(new URL(`python/${script}`, import.meta.url))
  const env = {
    PATH: '/usr/bin:/bin', HTTPS_PROXY: world.proxy, https_proxy: world.proxy, REQUESTS_CA_BUNDLE: world.caFile,
    PYTHONDONTWRITEBYTECODE: '1', PYTHONWARNINGS: 'ignore',
  }
  const child = spawn(PYTHON, [program, file.path, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { code, stderr, events: (await eventsSoFar(world)).slice(before) }
}

/** What each run stores, and the steps of its uploads in order. */
const RUNS = [
  { script: 'dropbox_uploads.py', args: ['/py', 'simple'], provider: 'dropbox', path: '/py/simple snö.bin', steps: ['single'] },
  { script: 'dropbox_uploads.py', args: ['/py', 'session'], provider: 'dropbox', path: '/py/session.bin', steps: ['start', 'chunk', 'finish'] },
  { script: 'dropbox_uploads.py', args: ['/py', 'batch'], provider: 'dropbox', path: '/py/batch.bin', steps: ['start', 'finish'] },
  { script: 'drive_uploads.py', args: ['multipart'], provider: 'google-drive', path: '/multipart snö.bin', steps: ['single'] },
  { script: 'drive_uploads.py', args: ['resumable'], provider: 'google-drive', path: '/resumable.bin', steps: ['start', 'chunk', 'chunk', 'chunk'] },
] as const

for (const { script, args, provider, path, steps } of RUNS) {
  t.test(`${script} ${args.join(' ')}`, { skip }, async t => {
    await origin.reset()
    await world.setPolicy(ALLOW_ALL)
    const allowed = await python(script, ...args)
    t.equal(allowed.code, 0, allowed.stderr)
    t.match(origin.stored(), [{ provider, path, size: file.size, sha256: file.sha256 }])
    const uploads = allowed.events.filter(({ event }) => event.action === 'upload')
    t.strictSame(uploads.map(({ sluice }) => sluice.operation?.step), steps)
    t.match(uploads.at(-1), {
      file: { name: path.slice(path.lastIndexOf('/') + 1) },
      sluice: { action: 'allow', client_class: 'library', operation: { provider, size: { is: 'exact' } } },
    })
    const bytes = uploads.at(-1)?.sluice.operation?.size.bytes ?? 0
    // A multipart body is counted with its framing.
    t.ok(bytes >= file.size && bytes < file.size + (steps[0] === 'single' ? 500 : 1), `${bytes} bytes`)
    if (path === '/py/session.bin') t.match(await python(script, '/py', 'download'), { code: 0 })

    await origin.reset()
    await world.setPolicy(BLOCK_UPLOADS)
    const blocked = await python(script, ...args)
    t.equal(blocked.code, 1)
    t.match(blocked.stderr, MESSAGE)
    t.equal(origin.fileBytes(), 0)
    t.same(origin.stored(), [])

    await world.setPolicy(BLOCK_LARGE)
    const large = await python(script, ...args)
    t.equal(large.code, 1)
    t.match(large.stderr, MESSAGE)
    t.ok(origin.fileBytes() < LEAVES_AT_MOST, `${origin.fileBytes()} bytes left`)
    t.same(origin.stored(), [])
  })
}
