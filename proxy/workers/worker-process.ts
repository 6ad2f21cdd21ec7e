/** One worker, as the process that has started it sees it. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { MetricValues } from '../../dashboards/merge-metrics.ts'
import { NONE_TAKEN, untell } from './messages.ts'
import type { Begin, FromWorker, Records, Taken, ToWorker } from './messages.ts'
import type { Handle } from './steering.ts'

const FILE = fileURLToPath(new URL('worker.ts', import.meta.url))
/** One that is busy is not waited for longer: what it said last counts then. */
const BUSY_MS = 1_000
/** Connections that may wait for one worker: as many as a system lets wait for a program (`somaxconn` is 4,096 as Linux has it). */
const MOST_WAITING = 4_096

export interface WorkerEvents {
  leaf(worker: WorkerProcess, id: number, host: string): void
  records(worker: WorkerProcess, records: Records): void
  /** What it has taken of common limits has changed. */
  taken(worker: WorkerProcess): void
  /** It takes connections from now on, and is told what the others are. */
  ready(worker: WorkerProcess): void
  /** Of one that was ready. `how`: its exit code, or the signal that has ended it. */
  gone(worker: WorkerProcess, how: string): void
}

export class WorkerProcess {
  readonly number: number
  readonly startedAt = performance.now()
  isReady = false
  isOver = false
  taken: Taken = NONE_TAKEN
  isShedding = false
  /** How often it was looked for since it said anything: counted, not timed, since this process may have stood still as well. */
  missed = 0
  /** What it has last told of its metrics. */
  values: MetricValues = []
  /** Resolves when it is ready; rejects with why it could not start. */
  readonly ready: Promise<void>
  /** Resolves when it has ended. */
  readonly ended: Promise<void>
  readonly #child: ChildProcess
  #handing = 0
  readonly #asked = new Map<number, PromiseWithResolvers<FromWorker>>()
  #id = 0

  constructor(begin: Begin, events: WorkerEvents) {
    this.number = begin.number
    const child = fork(FILE, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child = child
    const ready = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    this.ready = ready.promise
    this.ended = ended.promise
    child.on('error', (error) => {
      ready.reject(error)
      if (child.pid === undefined) ended.resolve()
    })
    child.on('message', (message) => {
      const told = message as FromWorker
      this.missed = 0
      switch (told.is) {
        case 'ready':
          this.isReady = true
          events.ready(this)
          ready.resolve()
          break
        case 'failed': ready.reject(untell(told.error)); break
        case 'leaf': events.leaf(this, told.id, told.host); break
        case 'records': events.records(this, told.records); break
        case 'taken':
          this.taken = told.taken
          this.isShedding = told.isShedding
          events.taken(this)
          break
        case 'values':
          this.values = told.values
          this.#answer(told.id, told)
          break
        case 'done': this.#answer(told.id, told)
      }
    })
    child.on('exit', (code, signal) => {
      const how = signal ?? `code ${code}`
      ready.reject(new Error(`a worker ended before it was ready (${how})`))
      const wasReady = this.isReady
      this.isReady = false
      this.isOver = true
      this.taken = NONE_TAKEN
      this.isShedding = false
      for (const asked of this.#asked.values()) asked.reject(new Error(`worker ${this.number} has ended (${how})`))
      this.#asked.clear()
      ended.resolve()
      if (wasReady) events.gone(this, how)
    })
    this.send(begin)
  }

  send(message: ToWorker): void {
    // To one that has ended nothing need be said: `gone` follows.
    this.#child.send(message, undefined, undefined, () => undefined)
  }

  /** Hands a connection over, of which nothing was read; it is closed where that fails, or where too many wait for a worker that takes none. */
  hand(socket: Socket): void {
    if (this.#handing >= MOST_WAITING) {
      socket.destroy()
      return
    }
    this.#handing++
    this.#child.send({ is: 'client' } satisfies ToWorker, socket, undefined, (error) => {
      this.#handing--
      if (error !== null) socket.destroy()
    })
  }

  /** Has it accept connections by itself; the socket stays open here as well. */
  listen(address: number, handle: Handle): void {
    // Node takes what it has inside a server too, which its types do not tell.
    this.#child.send({ is: 'listen', address } satisfies ToWorker, handle as unknown as Socket, undefined, () => undefined)
  }

  /** Its metrics now, or those that it told last. */
  async askValues(): Promise<MetricValues> {
    await this.#askInTime((id) => ({ is: 'values', id }))
    return this.values
  }

  /** Has it read the store: until then, what it had read before decides. One that is busy is not waited for; it reads it by itself. */
  async refresh(): Promise<void> {
    await this.#askInTime((id) => ({ is: 'refresh', id }))
  }

  /** Rejects with why it could not. */
  async reload(): Promise<void> {
    const answer = await this.#ask((id) => ({ is: 'reload', id }))
    if (answer.is === 'done' && answer.error !== null) throw untell(answer.error)
  }

  /** Lets it finish what is under way; kills it where it takes longer than `ms`. */
  async stop(ms: number): Promise<void> {
    this.send({ is: 'stop' })
    const timer = setTimeout(() => this.kill(), ms)
    await this.ended
    clearTimeout(timer)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #askInTime(compose: (id: number) => ToWorker): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, BUSY_MS) })
    await Promise.race([this.#ask(compose), late]).catch(() => undefined)
    clearTimeout(timer)
  }

  #ask(compose: (id: number) => ToWorker): Promise<FromWorker> {
    const id = ++this.#id
    const asked = Promise.withResolvers<FromWorker>()
    this.#asked.set(id, asked)
    this.send(compose(id))
    return asked.promise
  }

  #answer(id: number, told: FromWorker): void {
    this.#asked.get(id)?.resolve(told)
    this.#asked.delete(id)
  }
}
