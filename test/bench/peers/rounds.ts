/** All rounds: each starts every proxy anew, and goes through the works with each in turn, so that what else the machine does meets all alike. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ENVIRONMENT } from '../processes.ts'
import { Load } from './load.ts'
import type { Outcome } from './load.ts'
import { API_HOST, FILES_HOST, newHost, OTHER_HOST } from './names.ts'
import type { BenchOrigin } from './origin-process.ts'
import type { Peer } from './peers.ts'
import type { Shares } from './profile-shares.ts'
import { stageShares } from './stage-shares.ts'
import { startTime } from './start-time.ts'
import type { Ground, Target } from './target.ts'
import type { Duration, NamedWork } from './works.ts'

export interface Plan {
  readonly rounds: number
  readonly peers: readonly Peer[]
  readonly works: readonly NamedWork[]
  readonly duration: Duration
  /** Told as it goes. */
  readonly say: (line: string) => void
}

export interface Results {
  /** By work, then by peer: an outcome a round. */
  readonly outcomes: ReadonlyMap<string, ReadonlyMap<string, readonly Outcome[]>>
  /** Sluice's own start, in seconds, a round; empty without Sluice. */
  readonly starts: readonly number[]
  /** Of the relay's processor time for small requests, a round; empty without Sluice. */
  readonly shares: readonly Shares[]
  /** What was wrong: `peer, work: why`. */
  readonly faults: readonly string[]
}

export async function runRounds({ rounds, peers, works, duration, say }: Plan): Promise<Results> {
  const outcomes = new Map(works.map(({ name }) => [name, new Map<string, Outcome[]>(peers.map(peer => [peer.name, []]))]))
  const faults: string[] = []
  const starts: number[] = []
  const shares: Shares[] = []
  const dir = await mkdtemp(join(tmpdir(), 'sluice-peers-'))
  await chmod(dir, 0o755) // Squid may be another user
  const hosts = hostsOf(works)
  const { origin, close } = await startOrigin(hosts)
  let load = new Load()
  try {
    const originCaFile = join(dir, 'origin.pem')
    await writeFile(originCaFile, origin.ca)
    for (let round = 0; round < rounds; round++) {
      // Whoever was first comes last in the next round.
      const order = peers.map((_, n) => peers[(n + round) % peers.length]).filter(peer => peer !== undefined)
      const groundOf = (name: string): Ground => ({ origin, originCaFile, hosts, dir: join(dir, `${round}-${name.replaceAll(/\W+/g, '-')}`) })
      if (peers.some(({ isSluice }) => isSluice)) {
        starts.push(await startTime(await made(groundOf('start'))))
        shares.push(await stageShares(await made(groundOf('stages')), load, duration))
      }
      const running = await startAll(order, groundOf)
      try {
        for (const named of works) for (const { peer, target } of running) {
          if (!takes(peer, named)) continue
          try {
            const outcome = await load.run({ ...target, ca: named.isSpliced === true ? origin.ca : target.ca }, named.work, duration)
            outcomes.get(named.name)?.get(peer.name)?.push(outcome)
            say(`round ${round + 1}  ${named.name.padEnd(55)}${peer.name.padEnd(20)}${line(outcome)}`)
          } catch (error) {
            const why = `${peer.name}, ${named.name}: ${error instanceof Error ? error.message : String(error)}`
            faults.push(why)
            say(`round ${round + 1}  FAILED  ${why}`)
            // It may still be at it.
            load.close()
            load = new Load()
          }
        }
      } finally {
        await Promise.all(running.map(({ target }) => target.close()))
      }
    }
  } finally {
    load.close()
    close()
    await rm(dir, { recursive: true, force: true })
  }
  return { outcomes, starts, shares, faults }
}

async function made(ground: Ground): Promise<Ground> {
  await mkdir(ground.dir)
  return ground
}

function takes(peer: Peer, { work, isSpliced }: NamedWork): boolean {
  if (isSpliced === true) return peer.isTunnel === true || peer.isSluice === true
  return !(work.kind === 'requests' && work.http === '2') || peer.hasHttp2
}

function line({ count, seconds, cpuSeconds, worstBystander }: Outcome): string {
  const wait = worstBystander === null ? '' : `, a bystander waited ${worstBystander.toFixed(0)} ms`
  return `${count} in ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of processor time${wait}`
}

async function startAll(peers: readonly Peer[], groundOf: (name: string) => Ground): Promise<{ peer: Peer; target: Target }[]> {
  const running: { peer: Peer; target: Target }[] = []
  try {
    for (const peer of peers) {
      running.push({ peer, target: await peer.start(await made(groundOf(peer.name))) })
    }
  } catch (error) {
    await Promise.all(running.map(({ target }) => target.close()))
    throw error
  }
  return running
}

function hostsOf(works: readonly NamedWork[]): string[] {
  const most = Math.max(0, ...works.map(({ work }) => work.kind === 'contact' ? work.hosts : 0))
  return [API_HOST, FILES_HOST, OTHER_HOST, ...Array.from({ length: most }, (_, n) => newHost(n))]
}

/** The origin of the bench, with certificates for these hosts. */
export async function startOrigin(hosts: readonly string[]): Promise<{ origin: BenchOrigin; close: () => void }> {
  const child: ChildProcess = fork(fileURLToPath(new URL('origin-process.ts', import.meta.url)), [JSON.stringify(hosts)], { env: ENVIRONMENT, execArgv: [] })
  const [origin] = await once(child, 'message', { signal: AbortSignal.timeout(60_000) }) as [BenchOrigin]
  return { origin, close: () => child.disconnect() }
}
