/** Disks that are full: traffic goes on, no event is lost while there is room in memory, and nothing is half written. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startNode } from '../../e2e/node-process.ts'
import type { NodeProcess } from '../../e2e/node-process.ts'
import { ALLOW_ALL, BLOCK_UPLOADS } from '../../e2e/policies.ts'
import { ask } from '../../e2e/session-clients.ts'
import { configFor } from '../../e2e/world.ts'
import { startOrigin } from '../../origin/origin.ts'
import { until } from '../../policy/store/wait.ts'
import { noSmallDisk, startSmallDisk } from './small-disk.ts'

const TOKEN = 'disk-faults-test-token'
const skip = noSmallDisk()

let files = 0
const upload = (node: NodeProcess) => ask(node, 'POST', 'https://content.dropboxapi.com/2/files/upload', {
  authorization: 'Bearer FAKE', 'content-type': 'application/octet-stream', 'dropbox-api-arg': JSON.stringify({ path: `/file-${++files}.bin` }),
}, 'hello')

t.test('the disk of the events is full', { skip, timeout: 120_000 }, async (t) => {
  const disk = startSmallDisk()
  t.teardown(() => disk.close())
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const path = join(disk.dir, 'events.ndjson')
  const node = await startNode(join(dir, 'node'), origin, `embedded:${join(dir, 'store')}`, TOKEN, { events: { sinks: [{ type: 'file', path }] } })
  t.teardown(() => node.kill())
  t.equal((await node.putPolicy(ALLOW_ALL)).status, 200)
  const first = files + 1
  t.equal((await upload(node)).status, 200)
  await until('its event', async () => (await readFile(path, 'utf8').catch(() => '')).endsWith('\n'))
  await disk.fill()
  for (let n = 0; n < 30; n++) t.equal((await upload(node)).status, 200)
  await until('it is said', () => node.said().includes('event sink fails'))
  t.equal(await metric(node, 'sluice_events_dropped_total{sink="file"}'), 0, 'memory holds them')
  const { events } = await (await node.api('GET', '/v1/events?limit=100')).json() as { events: unknown[] }
  t.equal(events.length, 31, 'who asks sees them meanwhile')
  // Room for a part of a batch only, again and again.
  for (let n = 0; n < 3; n++) {
    const size = (await readFile(path)).length
    await disk.free(1)
    await until('what fits is written', async () => (await readFile(path)).length > size)
  }
  await disk.clear()
  const names = async (): Promise<(string | undefined)[]> => (await readFile(path, 'utf8')).split('\n').slice(0, -1)
    .map((line) => (JSON.parse(line) as { file?: { name?: string } }).file?.name)
  await until('all are there', async () => (await readFile(path, 'utf8')).includes(`file-${files}.bin`), 10_000)
  t.strictSame(await names(), Array.from({ length: 31 }, (_, n) => `file-${first + n}.bin`), 'each once, in order, every line whole')
  await until('it is said', () => node.said().includes('event sink works again'))
  t.equal(node.said().split('event sink fails').length - 1, 1, 'one warning')

  // A process that is killed in the middle leaves half a line, and the next one begins behind it.
  await disk.fill()
  for (let n = 0; n < 10; n++) await upload(node)
  await disk.free(1)
  await until('a part is written', async () => !(await readFile(path, 'utf8')).endsWith('\n'))
  node.kill()
  await disk.clear()
  const next = await startNode(join(dir, 'node'), origin, `embedded:${join(dir, 'store')}`, TOKEN, { events: { sinks: [{ type: 'file', path }] } })
  t.teardown(() => next.kill())
  t.equal((await upload(next)).status, 200)
  await until('its event', async () => (await readFile(path, 'utf8')).includes(`file-${files}.bin`))
  const broken = (await readFile(path, 'utf8')).split('\n').slice(0, -1).filter((line) => {
    try {
      return JSON.parse(line) === null
    } catch {
      return true
    }
  })
  t.equal(broken.length, 1, 'the half line alone is lost')
  t.equal(await next.end(), 0)
})

t.test('the disk of the store is full', { skip, timeout: 120_000 }, async (t) => {
  const disk = startSmallDisk()
  t.teardown(() => disk.close())
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const start = (): Promise<NodeProcess> => startNode(join(dir, 'node'), origin, `embedded:${disk.dir}`, TOKEN)
  const node = await start()
  t.teardown(() => node.kill())
  t.equal((await node.putPolicy(BLOCK_UPLOADS)).status, 200)
  await disk.fill()
  const before = await readdir(disk.dir, { recursive: true })
  for (const [method, path, body] of [
    ['PUT', '/v1/tenants/microsoft/contoso', { name: 'Contoso' }],
    ['POST', '/v1/tokens', { role: 'viewer', label: 'x' }],
    ['POST', '/v1/rules', { id: 'more', when: { activity: 'share' }, action: 'block' }],
    ['PUT', '/v1/break-glass', { reason: 'a test', for: '1h' }],
  ] as const) {
    const answer = await node.api(method, path, body)
    t.match({ status: answer.status, body: await answer.json() }, { status: 503, body: { code: 'store.read-only', detail: /ENOSPC/ } }, `${method} ${path}`)
  }
  const put = await node.putPolicy(ALLOW_ALL)
  t.match({ status: put.status, body: await put.json() }, { status: 503, body: { code: 'store.read-only' } })
  t.strictSame((await readdir(disk.dir, { recursive: true })).filter((name) => !before.includes(name)), [], 'nothing is left of them')
  t.equal((await upload(node)).status, 403, 'the policy that was stored decides')
  t.match(await (await node.api('GET', '/readyz')).json(), { ready: true, degraded: true, checks: { store: 'takes no changes: ENOSPC' } })
  t.equal(node.said().split('takes no changes: ENOSPC"').length - 1, 1, 'one warning')
  node.kill()

  const again = await start()
  t.teardown(() => again.kill())
  t.equal((await upload(again)).status, 403, 'after a start on the full disk too')
  await disk.clear()
  t.equal((await again.putPolicy(ALLOW_ALL)).status, 200)
  t.equal((await upload(again)).status, 200)
  const { entries } = await (await again.api('GET', '/v1/audit')).json() as { entries: { action: string }[] }
  t.strictSame(entries.map(({ action }) => action).filter((action) => !action.startsWith('policy.')), [], 'the log tells of nothing that was not done')
  t.equal(await again.end(), 0)
})

t.test('the log has no room, and nobody reads what is printed', async (t) => {
  const origin = await startOrigin()
  t.teardown(() => origin.close())
  const dir = t.testdir()
  const port = 20_000 + Math.floor(Math.random() * 40_000)
  const file = join(dir, 'sluice.yaml')
  // Each start says something in its log: here, that a directory is open to others.
  await writeFile(file, JSON.stringify(configFor(dir, origin, { admin: { listen: `127.0.0.1:${port}` } })))
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [new URL('../../../proxy/cli.ts', import.meta.url).pathname, 'start', '--config', file], {
    cwd: dir, stdio: ['ignore', full, full], env: { PATH: process.env.PATH ?? '', HOME: dir, SLUICE_ADMIN_TOKEN: TOKEN, SLUICE_LOG: 'debug' },
  })
  closeSync(full)
  const ended = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  const alive = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    return (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null))?.status === 200
  }
  await until('it lives', alive, 20_000)
  for (let n = 0; n < 5; n++) t.equal((await fetch(`http://127.0.0.1:${port}/v1/policy`, { headers: { authorization: 'Bearer wrong' } })).status, 401)
  t.ok(await alive())
  child.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
})

async function metric(node: NodeProcess, name: string): Promise<number> {
  const text = await (await node.api('GET', '/metrics')).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}
