import { setTimeout as sleep } from 'node:timers/promises'
import { Sparing } from '../../policy/sparing.ts'
import type { Sink } from './sink.ts'

const MAX_BATCH = 1_048_576
/** After each write, so that many events cost one write and not one each; the first of them is written at once. */
const GATHER_MS = 20
/** A disk that has room now and then would fill the log as well. */
const TELL_EVERY_MS = 60_000

export interface QueueOptions {
  /** Characters that may wait. */
  readonly bound: number
  /** Milliseconds between attempts while the sink fails. */
  readonly retryAfter: number
  /** Called at a failure, once a minute at most, and at the recovery from one that was told (`null`). */
  readonly onFailure: (error: Error | null) => void
}

/**
 * The lines that wait for one sink. Past the bound the oldest are dropped and counted: a sink that is slow or gone
 * costs events, never memory and never time of a request.
 */
export class SinkQueue {
  readonly #sink: Sink
  readonly #options: QueueOptions
  readonly #closing = new AbortController()
  #waiting: string[] = []
  /** In the sink's hands. */
  #batch: string[] = []
  #head = 0
  #size = 0
  #dropped = 0
  readonly #sparing = new Sparing(TELL_EVERY_MS)
  #isTold = false
  #isUp = true
  #running: Promise<void> | null = null

  constructor(sink: Sink, options: QueueOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** Lines that were never written. */
  get dropped(): number {
    return this.#dropped
  }

  /** Characters that wait, without what is in the sink's hands. */
  get waiting(): number {
    return this.#size
  }

  /** The sink has taken what it was last handed. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** What the sink has not confirmed yet, the oldest first. */
  unwritten(): string[] {
    return [...this.#batch, ...this.#waiting.slice(this.#head)]
  }

  /** Takes lines out that were not handed to the sink yet; answers how many. What is in its hands is not offered again. */
  erase(matches: (line: string) => boolean): number {
    this.#batch = this.#batch.filter(line => !matches(line))
    const waiting = this.#waiting.slice(this.#head)
    this.#waiting = waiting.filter(line => !matches(line))
    this.#head = 0
    this.#size = this.#waiting.reduce((sum, line) => sum + line.length, 0)
    return waiting.length - this.#waiting.length
  }

  add(line: string): void {
    if (this.#closing.signal.aborted) {
      this.#dropped++
      return
    }
    this.#waiting.push(line)
    this.#size += line.length
    while (this.#size > this.#options.bound && this.#head < this.#waiting.length) {
      this.#take()
      this.#dropped++
    }
    this.#running ??= this.#run()
  }

  /** Writes what waits, for at most `grace` milliseconds; what is left counts as dropped. */
  async close(grace: number): Promise<void> {
    const { signal } = this.#closing
    const timer = setTimeout(() => this.#closing.abort(), grace)
    const late = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    if (this.#running !== null) await Promise.race([this.#running, late])
    clearTimeout(timer)
    this.#closing.abort()
    while (this.#head < this.#waiting.length) {
      this.#take()
      this.#dropped++
    }
    await this.#sink.close()
  }

  async #run(): Promise<void> {
    await null // lets the lines of one turn of the event loop go out together
    while (this.#head < this.#waiting.length && !this.#closing.signal.aborted) {
      this.#batch = this.#nextBatch()
      let written = false
      while (!written && !this.#closing.signal.aborted) written = await this.#write(this.#batch.join(''))
      if (!written) this.#dropped += this.#batch.length
      this.#batch = []
      await sleep(GATHER_MS)
    }
    this.#running = null
  }

  async #write(lines: string): Promise<boolean> {
    try {
      await this.#sink.write(lines)
      if (this.#isTold) this.#options.onFailure(null)
      this.#isTold = false
      this.#isUp = true
      return true
    } catch (error) {
      this.#isUp = false
      if (this.#sparing.note(performance.now()) > 0) {
        this.#options.onFailure(error instanceof Error ? error : new Error(String(error)))
        this.#isTold = true
      }
      await this.#pause()
      return false
    }
  }

  async #pause(): Promise<void> {
    const { signal } = this.#closing
    await new Promise<void>(resolve => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, this.#options.retryAfter)
      timer.unref()
      signal.addEventListener('abort', done)
    })
  }

  #nextBatch(): string[] {
    const batch: string[] = []
    for (let size = 0; size < MAX_BATCH && this.#head < this.#waiting.length;) {
      const line = this.#take()
      size += line.length
      batch.push(line)
    }
    return batch
  }

  #take(): string {
    const line = this.#waiting[this.#head] ?? ''
    this.#waiting[this.#head] = ''
    this.#head++
    this.#size -= line.length
    if (this.#head === this.#waiting.length || this.#head > 4_096) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return line
  }
}
