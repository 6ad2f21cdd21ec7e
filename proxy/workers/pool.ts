/** So many workers: each client's connections go to one of them, and one that ends is replaced. */
import type { Socket } from 'node:net'
import { randomInt } from 'node:crypto'
import { mergeCounts } from '../../dashboards/merge-metrics.ts'
import type { MetricValues } from '../../dashboards/merge-metrics.ts'
import { sameCaller } from '../../policy/same-caller.ts'
import { unmap } from '../host-port.ts'
import type { Logger } from '../log.ts'
import { chooseWorker } from './choose-worker.ts'
import { ALIVE_MS } from './messages.ts'
import type { Begin, Taken, ToWorker } from './messages.ts'
import { WorkerProcess } from './worker-process.ts'
import type { WorkerEvents } from './worker-process.ts'

export interface PoolOptions {
  readonly count: number
  /** What a worker begins with now. */
  readonly begin: () => Omit<Begin, 'is' | 'number' | 'others'>
  readonly events: Pick<WorkerEvents, 'leaf' | 'records' | 'ready'> & { gone(worker: WorkerProcess): void }
  readonly log: Logger
}

/** One that has lived so long is replaced at once; else it is waited longer each time, so that a fault at the start does not take all CPU. */
const LIVED_MS = 60_000
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 30_000

/** A worker that was silent so many times is ended: it hangs, and so do its clients. One that starts has code to load first. */
const MISSED = 15
const MISSED_AT_START = 60

export class WorkerPool {
  readonly #options: PoolOptions
  readonly #workers: WorkerProcess[] = []
  readonly #failures: number[]
  readonly #seed = randomInt(2 ** 32)
  readonly #waits = new Set<NodeJS.Timeout>()
  /** The counts of those that have ended. */
  #past: MetricValues = []
  #exits = 0
  #isStopping = false
  readonly #watch = setInterval(() => this.#look(), ALIVE_MS).unref()

  constructor(options: PoolOptions) {
    this.#options = options
    this.#failures = Array.from({ length: options.count }, () => 0)
  }

  /** Of each slot; one that takes no connections yet, or no more, included. */
  get workers(): readonly WorkerProcess[] {
    return this.#workers
  }

  /** Resolves when all are ready; rejects with why one could not start, and none is left then. */
  async start(): Promise<void> {
    for (let slot = 0; slot < this.#options.count; slot++) this.#workers.push(this.#make(slot))
    try {
      await Promise.all(this.#workers.map((worker) => worker.ready))
    } catch (error) {
      this.kill()
      await Promise.all(this.#workers.map((worker) => worker.ended))
      throw error
    }
  }

  /** How many are ready, and how many have ended by themselves. */
  get stats(): { readonly ready: number; readonly exits: number } {
    return { ready: this.#ready().length, exits: this.#exits }
  }

  /** By slot. */
  get ready(): boolean[] {
    return this.#workers.map((worker) => worker.isReady)
  }

  get isShedding(): boolean {
    return this.#workers.some((worker) => worker.isShedding)
  }

  /** Gives a client's connection, of which nothing was read, to its worker; closes it while there is none. */
  hand(socket: Socket): void {
    // One that has gone already has no address.
    const slot = socket.remoteAddress === undefined ? null
      : chooseWorker(sameCaller(unmap(socket.remoteAddress)), this.#seed, this.ready)
    const worker = slot === null ? undefined : this.#workers[slot]
    if (worker === undefined) socket.destroy()
    else worker.hand(socket)
  }

  tellAll(message: ToWorker, except?: WorkerProcess): void {
    for (const worker of this.#ready()) if (worker !== except) worker.send(message)
  }

  /** Of each worker, and of those that have ended. */
  async values(): Promise<readonly MetricValues[]> {
    const told = await Promise.all(this.#ready().map((worker) => worker.askValues()))
    return [...told, this.#past]
  }

  /** Has them read the store. */
  async refresh(): Promise<void> {
    await Promise.all(this.#ready().map((worker) => worker.refresh()))
  }

  /** Rejects with why one could not, when all have tried. */
  async reload(): Promise<void> {
    const done = await Promise.allSettled(this.#ready().map((worker) => worker.reload()))
    for (const one of done) if (one.status === 'rejected') throw one.reason
  }

  /** Lets them finish; kills those that take longer than `ms`. */
  async stop(ms: number): Promise<void> {
    this.#end()
    await Promise.all(this.#workers.map((worker) => worker.stop(ms)))
  }

  kill(): void {
    this.#end()
    for (const worker of this.#workers) worker.kill()
  }

  #end(): void {
    this.#isStopping = true
    clearInterval(this.#watch)
    for (const wait of this.#waits) clearTimeout(wait)
  }

  #ready(): WorkerProcess[] {
    return this.#workers.filter((worker) => worker.isReady)
  }

  #make(slot: number): WorkerProcess {
    const worker = new WorkerProcess({ is: 'begin', number: slot + 1, others: this.#takenBut(null), ...this.#options.begin() }, {
      ...this.#options.events,
      taken: () => this.#tellTaken(),
      ready: (ready) => {
        // What was told while it started.
        ready.send({ is: 'others', others: this.#takenBut(ready) })
        this.#options.events.ready(ready)
      },
      gone: (gone, how) => { void this.#replace(slot, gone, how) },
    })
    // Whoever waits for it hears of it; nobody else need.
    worker.ready.catch(() => undefined)
    return worker
  }

  /** Ends those that hang; others take their places. */
  #look(): void {
    for (const worker of this.#workers) {
      if (worker.isOver) continue
      worker.missed++
      const isLate = worker.missed === (worker.isReady ? MISSED : MISSED_AT_START)
      if (!isLate) continue
      this.#options.log.error({ worker: worker.number, seconds: worker.missed * ALIVE_MS / 1_000 }, 'a worker hangs, and is ended')
      worker.kill()
    }
  }

  async #replace(slot: number, gone: WorkerProcess, how: string): Promise<void> {
    if (this.#isStopping) return
    this.#exits++
    this.#tellTaken()
    this.#options.events.gone(gone)
    this.#options.log.error({ worker: gone.number, how }, 'a worker has ended: its connections are lost, and what it had not recorded yet; another takes its place')
    if (performance.now() - gone.startedAt > LIVED_MS) this.#failures[slot] = 0
    const { values } = gone
    const past = mergeCounts([this.#past, values])
    this.#again(slot)
    this.#past = await past
  }

  #again(slot: number): void {
    const failures = this.#failures[slot] ?? 0
    this.#failures[slot] = failures + 1
    const wait = setTimeout(() => {
      this.#waits.delete(wait)
      const worker = this.#make(slot)
      this.#workers[slot] = worker
      worker.ready.then(() => {
        this.#options.log.info({ worker: worker.number }, 'a worker has taken the place of one that ended')
      }, (error: unknown) => {
        if (this.#isStopping) return
        this.#options.log.error({ worker: worker.number, error: error instanceof Error ? error.message : String(error) }, 'a worker could not start; it is tried again')
        void worker.ended.then(() => { if (!this.#isStopping) this.#again(slot) })
      })
    }, Math.min(LONGEST_WAIT_MS, failures === 0 ? 0 : FIRST_WAIT_MS * 2 ** failures))
    this.#waits.add(wait)
  }

  #tellTaken(): void {
    for (const worker of this.#ready()) worker.send({ is: 'others', others: this.#takenBut(worker) })
  }

  #takenBut(except: WorkerProcess | null): Taken {
    let [connections, tunnels, requests] = [0, 0, 0]
    for (const worker of this.#workers) {
      if (worker === except) continue
      connections += worker.taken.connections
      tunnels += worker.taken.tunnels
      requests += worker.taken.requests
    }
    return { connections, tunnels, requests }
  }
}
