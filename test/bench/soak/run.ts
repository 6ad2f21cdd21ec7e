/** One soak: starts origins, Sluice and clients, each a process of its own, lets them run, and says what was wrong. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { eventFiles } from '../../../dashboards/sinks/names.ts'
import { formatPasswordHash } from '../../../policy/people/password-hash.ts'
import { hashPassword } from '../../../proxy/people/password.ts'
import { startRedis } from '../../policy/store/redis-server.ts'
import { until } from '../../policy/store/wait.ts'
import { ENVIRONMENT, startSluiceProcess } from '../processes.ts'
import type { SluiceProcess } from '../processes.ts'
import { Admin } from './admin.ts'
import { NotConnected, openTunnel } from './dial.ts'
import { judge } from './judge.ts'
import type { Event, Faults } from './judge.ts'
import { readLines } from './ledger.ts'
import type { Entry, TurnedAway } from './ledger.ts'
import type { Load } from './load-process.ts'
import { readLog } from './log-lines.ts'
import { startSoakOrigins } from './origins.ts'
import type { SoakOrigins } from './origins.ts'
import { compareMemory, countDescriptors, descriptorsOf, read } from './samples.ts'
import type { Memory, Reading } from './samples.ts'
import { judgeSums } from './totals.ts'

export interface Soak {
  readonly ms: number
  readonly clients: number
  readonly seed: number
  readonly store: 'redis' | 'embedded'
  /** Books and logs are kept here. */
  readonly dir: string
  /** Told of each reading. */
  readonly watch?: (reading: Reading) => void
}

export interface Result {
  readonly store: 'redis' | 'embedded'
  readonly memory: Memory
  readonly readings: readonly Reading[]
  readonly descriptors: { readonly before: number; readonly most: number; readonly after: number; readonly left: string }
  /** How often the clients did what. */
  readonly acts: ReadonlyMap<string, number>
  readonly events: number
  readonly stored: number
  readonly edits: number
  /** Of the log. */
  readonly warnings: readonly string[]
  readonly faults: Faults
}

const SAMPLE_MS = 5_000
/** Users that the clients share among them. */
const USERS = 40
const TOKEN = 'slc_soak_token_of_the_bench_00000000000'
/** What clients that are under way when the time is over may still take. */
const GRACE_MS = 150_000
/** Pooled connections to origins close after half a minute, idle ones of clients later. */
const SETTLE_MS = 120_000

export async function soak(options: Soak): Promise<Result> {
  await mkdir(options.dir, { recursive: true })
  const redis = options.store === 'redis' ? await startRedis() : null
  const origins = await startSoakOrigins()
  const logFile = await open(join(options.dir, 'sluice.log'), 'w')
  try {
    const sluice = await startSluiceProcess(origins, {
      logFile, env: { SLUICE_ADMIN_TOKEN: TOKEN },
      config: {
        proxy: { auth: 'basic', drain: '5s' },
        people: { file: await writeUsers(options.dir), networks: { '127.1.0.0/24': { groups: ['staff'] } } },
        ...redis !== null && { store: { url: redis.url } },
        events: { sinks: [{ type: 'file', path: eventsOf(options), rotate: '4MB' }] },
      },
    })
    try {
      return await run(options, origins, sluice, redis === null ? 'embedded' : 'redis')
    } finally {
      await sluice.close()
    }
  } finally {
    await origins.close()
    await redis?.close()
    await logFile.close()
  }
}

async function run(options: Soak, origins: SoakOrigins, sluice: SluiceProcess, store: Result['store']): Promise<Result> {
  const { ms, dir, clients, seed } = options
  const admin = new Admin(sluice, TOKEN)
  await admin.prepare()
  const first = await knock(sluice)
  await until('the first event is written', () => existsSync(eventsOf(options)))
  const before = descriptorsOf(sluice.pid)
  const working = new AbortController()
  const readings: Reading[] = []
  const began = performance.now()
  const sample = async (): Promise<void> => {
    const reading = read(sluice.pid, performance.now() - began, await admin.metrics())
    readings.push(reading)
    options.watch?.(reading)
  }
  const watching = every(SAMPLE_MS, sample, working.signal)
  const editing = admin.work(working.signal)
  const ledger = join(dir, 'clients.ndjson')
  await Promise.race([sluice.ended, watching, load({
    proxy: sluice.proxy, caFile: sluice.caFile, tunnelCa: origins.tunnelCa, clients, users: Math.min(USERS, clients), ms, seed, ledger,
  })])
  working.abort()
  await Promise.all([watching, editing])
  const after = await settle(sluice.pid, before.length)
  const metrics = await admin.metrics()
  const usage = await (await admin.api('GET', '/v1/usage?by=provider&over=24h')).json() as { rows: Parameters<typeof judgeSums>[0]['usage'] }
  const { arrived, tunnels, stored } = await origins.dump(dir)
  // All events are written when it has ended.
  await sluice.close()
  const entries = [first, ...await readLines<Entry>(ledger)]
  const events = await readEvents(eventsOf(options))
  const faults: Faults = new Map([
    ...judge({ entries, arrived, stored, events, blocksFlipped: blocksFlipped(admin) }), ...judgeSums({ entries, events, tunnels, metrics, usage: usage.rows }),
  ])
  if (admin.faults.length > 0) faults.set('an edit failed', admin.faults)
  const log = readLog(await readFile(join(dir, 'sluice.log'), 'utf8'))
  if (log.faults.length > 0) faults.set('the log tells of faults', [...log.faults])
  const memory = compareMemory(readings, ms)
  return {
    store, memory, readings, faults, warnings: log.warnings, events: events.length, stored: stored.length, edits: admin.edits, acts: actsOf(entries),
    descriptors: { before: before.length, most: Math.max(...readings.map(({ descriptors }) => descriptors)), after: after.length, left: countDescriptors(after) },
  }
}

/** Is refused, so that there is a first event, and its file is open before descriptors are counted. */
async function knock({ proxy, caFile }: SluiceProcess): Promise<TurnedAway> {
  const refused = await openTunnel({ proxy, from: '127.1.255.1', ca: caFile }, 'www.example.com:443').then(() => null, (error: unknown) => error)
  if (!(refused instanceof NotConnected && refused.status === 407)) throw new Error(`a client without a password was not refused: ${String(refused)}`)
  return { is: 'turned-away', act: 'knock', reason: 'unauthenticated', seen: true }
}

/** Runs the clients, and resolves when they have ended. */
async function load(settings: Load): Promise<void> {
  const child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), { env: ENVIRONMENT, execArgv: [] })
  child.send(settings)
  const timer = setTimeout(() => child.kill('SIGKILL'), settings.ms + GRACE_MS)
  const [code, signal] = await once(child, 'exit') as [number | null, string | null]
  clearTimeout(timer)
  if (code !== 0) throw new Error(`the clients ended with ${signal ?? `code ${code ?? 'none'}`}`)
}

/** Waits until no more descriptors are open than before, for as long as idle connections may stay. */
async function settle(pid: number, before: number): Promise<string[]> {
  const last = performance.now() + SETTLE_MS
  for (;;) {
    const open = descriptorsOf(pid)
    if (open.length <= before || performance.now() > last) return open
    await sleep(1_000)
  }
}

async function every(ms: number, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await work()
    await sleep(ms, undefined, { signal }).catch(() => undefined)
  }
}

async function writeUsers(dir: string): Promise<string> {
  const file = join(dir, 'users.yaml')
  const users = await Promise.all(Array.from({ length: USERS }, async (_, n) =>
    [`user-${n}`, { password: formatPasswordHash(await hashPassword(`password-${n}`)), groups: [`group-${n % 5}`] }] as const))
  await writeFile(file, JSON.stringify({ users: Object.fromEntries(users) }), { mode: 0o600 })
  return file
}

function eventsOf({ dir }: Soak): string {
  return join(dir, 'events.ndjson')
}

async function readEvents(path: string): Promise<Event[]> {
  const files = await eventFiles(path)
  return (await Promise.all(files.map(file => readLines<Event>(file.path)))).flat()
}

function blocksFlipped({ revisions }: Admin): (revision: number) => boolean {
  return revision => revisions.findLast(({ from }) => from <= revision)?.blocks ?? false
}

function actsOf(entries: readonly Entry[]): Map<string, number> {
  const acts = new Map<string, number>()
  for (const entry of entries) {
    if (entry.is === 'file' || entry.is === 'failure') continue
    const act = entry.is === 'tunnelled' ? 'tunnel' : entry.act
    acts.set(act, (acts.get(act) ?? 0) + 1)
  }
  return acts
}

/** Removes what a soak has kept. */
export async function forget({ dir }: Soak): Promise<void> {
  await rm(dir, { recursive: true, force: true })
}

