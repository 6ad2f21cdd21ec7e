/** Carries the traffic in several processes: this one accepts connections and keeps what all share, workers do the rest. */
import net from 'node:net'
import { LeafCache } from '../../certs/leaf-cache.ts'
import { expose } from '../../dashboards/expose.ts'
import { mergeMetrics } from '../../dashboards/merge-metrics.ts'
import type { Carrier, Keepers } from '../carrier.ts'
import { readClientTls } from '../client-tls.ts'
import type { Config } from '../config.ts'
import { addressOf, bind } from '../listener.ts'
import type { Logger } from '../log.ts'
import type { Base, Undo } from '../open-base.ts'
import { tell } from './messages.ts'
import type { ToWorker } from './messages.ts'
import { WorkerPool } from './pool.ts'
import { openKernel } from './kernel.ts'
import { shareOf } from './share.ts'
import { SharedVolumes } from './shared-volumes.ts'
import { Steering } from './steering.ts'
import type { WorkerProcess } from './worker-process.ts'

/** How long a worker may take to stop beyond `proxy.drain`. */
const STOP_MS = 5_000
/** How often workers are asked for their counts where nobody reads them: so much of a worker's is lost at most when it ends. */
const VALUES_MS = 10_000

/** `pseudonym`: by which the workers know what one of them has forwarded. Rejects with what a worker could not start for, `listen.in-use` or `listen.refused`. */
export async function carryTogether(config: Config, log: Logger, count: number, pseudonym: string, base: Base, { events, usage }: Keepers, undo: Undo): Promise<Carrier> {
  const { metrics } = base
  const leaves = new LeafCache({ authority: base.authority() })
  metrics.leafCache(() => leaves.stats)
  const own: string[] = []
  const volumes = new SharedVolumes<WorkerProcess>({ bodies: base.volumes, tunnels: base.tunnelVolumes })
  let steering: Steering | null = null
  const follow = (): void => {
    try {
      steering?.follow(pool.ready)
    } catch (error) {
      log.warn({ error: String(error) }, 'the kernel gives connections to workers as before')
    }
  }
  const lead = (worker: WorkerProcess): void => {
    for (const [address, handle] of (steering?.of(worker.number - 1) ?? []).entries()) worker.listen(address, handle)
    follow()
  }
  const shared = { config: { ...config, proxy: { ...config.proxy, limits: shareOf(config.proxy.limits, count) } }, level: log.level, pseudonym, leafKey: leaves.keyPem }
  const pool = new WorkerPool({
    count, log,
    begin: () => ({ ...shared, tickets: base.tickets.share(), own }),
    events: {
      leaf(worker, id, host) {
        worker.send({ is: 'leaf', id, leaf: leafOf(leaves, host) })
      },
      records(worker, { lines, uploads, blocked, sent }) {
        for (const line of lines) events.recordLine(line)
        for (const upload of uploads) usage.add(upload)
        for (const name of blocked) usage.block(name)
        if (sent.length > 0) {
          volumes.take(worker, sent)
          pool.tellAll({ is: 'sent', sent }, worker)
        }
        worker.send({ is: 'kept' })
      },
      ready(worker) {
        worker.send({ is: 'past', past: volumes.past() })
        lead(worker)
      },
      gone(worker) {
        follow()
        const sent = volumes.gone(worker)
        if (sent.length > 0) pool.tellAll({ is: 'sent', sent })
      },
    },
  })
  undo.push(() => pool.kill())
  await pool.start()
  metrics.workers(() => pool.stats)
  const servers: net.Server[] = []
  const stopListening = (): void => {
    for (const server of servers) server.close()
    steering?.close()
    steering = null
  }
  undo.push(stopListening)
  for (const { host, port } of config.proxy.listen) {
    // Nothing is read here: it is the worker's.
    const server = net.createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined)
      pool.hand(socket)
    })
    await bind(server, host, port)
    servers.push(server)
  }
  const addresses = servers.map(addressOf)
  steering = await steer(servers, count, log)
  if (steering !== null) for (const worker of pool.workers) if (worker.isReady) lead(worker)
  log.debug({ steered: steering !== null }, 'who gives connections to workers: the kernel, or this process')
  const timer = setInterval(() => { void pool.values() }, VALUES_MS).unref()
  undo.push(() => clearInterval(timer))
  const addOwn = (addresses: readonly string[]): void => {
    own.push(...addresses)
    base.own.add(addresses)
    pool.tellAll({ is: 'own', addresses })
  }
  addOwn(addresses)
  return {
    addresses, addOwn,
    isShedding: () => pool.isShedding,
    metrics: async (accept) => expose(await mergeMetrics([await metrics.values(), ...await pool.values()]), accept),
    renew() {
      // Workers read it again: what is wrong with it is said before anything is replaced.
      readClientTls(config.proxy.tls)
      return () => undefined
    },
    async reload() {
      leaves.replaceAuthority(base.authority())
      await pool.reload()
    },
    refresh: () => pool.refresh(),
    async stop() {
      stopListening()
      await pool.stop(config.proxy.drain + STOP_MS)
    },
  }
}

/** Takes the places of servers that listen; null, and they listen on, where the kernel cannot give connections to workers. */
async function steer(servers: readonly net.Server[], count: number, log: Logger): Promise<Steering | null> {
  const kernel = await openKernel()
  if (kernel === null) return null
  const addresses = servers.map((server) => server.address()).filter((address) => address !== null && typeof address === 'object')
  for (const server of servers) server.close()
  try {
    return new Steering(kernel, addresses, count)
  } catch (error) {
    log.debug({ error: String(error) }, 'the kernel does not give connections to workers')
    for (const [n, server] of servers.entries()) await bind(server, addresses[n]?.address ?? '', addresses[n]?.port ?? 0)
    return null
  }
}

function leafOf(leaves: LeafCache, host: string): Extract<ToWorker, { is: 'leaf' }>['leaf'] {
  try {
    const { certificatePem, notAfter } = leaves.get(host)
    return { certificatePem, notAfter }
  } catch (error) {
    return tell(error)
  }
}
