import type { EcsEvent } from '../policy/ecs-event.ts'
import { renumber, toLine } from './ecs.ts'
import type { Outcome } from './outcome.ts'
import { eraseFromFiles } from './erase.ts'
import type { Erasure } from './erase.ts'
import { parseEvent } from './parse-event.ts'
import type { SinkState } from './sink-metrics.ts'
import { isFileSink } from './sinks/file.ts'
import { SinkQueue } from './sinks/queue.ts'
import type { Sink } from './sinks/sink.ts'

export { toEcs } from './ecs.ts'

const RECENT = 1_000

/** An event that memory keeps: as it is written, because few are ever asked for. */
interface Kept {
  readonly sequence: number
  readonly line: string
}

export interface EventsOptions {
  /** Characters that may wait for each sink; 16 Mi (some 10,000 events) by default. */
  readonly bound?: number
  /** Milliseconds between attempts while a sink fails; 1,000 by default. */
  readonly retryAfter?: number
  /** Above the sequence numbers of all events that were kept before; 0 by default. */
  readonly after?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** A sink fails (said once a minute at most), or (null) works again. */
  readonly onFailure?: (sink: string, error: Error | null) => void
}

/** Hands every outcome to every sink, and keeps the last 1,000. `record` never waits and never throws for a sink's sake. */
export class Events {
  readonly #sinks: readonly Sink[]
  readonly #queues: readonly SinkQueue[]
  readonly #recent: Kept[] = []
  readonly #now: () => number
  #next = 0
  #sequence: number
  /** The number of the last event that is not kept in memory any more. */
  #forgotten: number
  #wake: PromiseWithResolvers<void> | null = null
  #erasing: Promise<unknown> = Promise.resolve()

  constructor(sinks: readonly Sink[], { bound = 16_777_216, retryAfter = 1_000, after = 0, now = Date.now, onFailure }: EventsOptions = {}) {
    this.#now = now
    this.#sequence = after
    this.#forgotten = after
    this.#sinks = sinks
    this.#queues = sinks.map(sink =>
      new SinkQueue(sink, { bound, retryAfter, onFailure: error => onFailure?.(sink.name, error) }))
  }

  /** Events that some sink never got. */
  get dropped(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.dropped, 0)
  }

  /** How each sink does, by its type: the first word of its name. */
  states(): readonly SinkState[] {
    return this.#queues.map((queue, i) => ({
      type: this.#sinks[i]?.name.split(' ', 1)[0] ?? '', dropped: queue.dropped, waiting: queue.waiting, isUp: queue.isUp,
    }))
  }

  record(outcome: Outcome): void {
    const sequence = this.#number()
    this.#add(toLine(outcome, sequence), sequence)
  }

  /** Records what another process has made the line of, with the number 0. */
  recordLine(line: string): void {
    const sequence = this.#number()
    this.#add(renumber(line, 0, sequence), sequence)
  }

  /** The time in microseconds, so that numbers ascend over restarts too; or the next one, whatever the clock does. */
  #number(): number {
    this.#sequence = Math.max(this.#sequence + 1, Math.floor(this.#now() * 1_000))
    return this.#sequence
  }

  #add(line: string, sequence: number): void {
    this.#forgotten = this.#recent[this.#next]?.sequence ?? this.#forgotten
    this.#recent[this.#next] = { sequence, line }
    this.#next = (this.#next + 1) % RECENT
    this.nudge()
    for (const queue of this.#queues) queue.add(line)
  }

  /** The latest events, newest first. */
  recent(limit = RECENT): EcsEvent[] {
    return this.#kept().reverse().slice(0, limit).map(read)
  }

  /** The same, read one by one as they are asked for. */
  *newestFirst(): Generator<EcsEvent> {
    for (const kept of this.#kept().reverse()) yield read(kept)
  }

  /** One of them. */
  find(id: string): EcsEvent | undefined {
    const needle = `"event":{"id":${JSON.stringify(id)},`
    const kept = this.#kept().find(({ line }) => line.includes(needle))
    return kept === undefined ? undefined : read(kept)
  }

  /** The same as lines, oldest first. */
  recentLines(): string[] {
    return this.#kept().map(({ line }) => line)
  }

  /** Oldest first. */
  #kept(): Kept[] {
    return [...this.#recent.slice(this.#next), ...this.#recent.slice(0, this.#next)]
  }

  /** The number of the latest event; of those of earlier runs while this one has none. */
  get latest(): number {
    return this.#sequence
  }

  /** The number of the last event that is not kept in memory any more. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** The events above a number, oldest first; null where memory does not reach back so far. */
  since(sequence: number): EcsEvent[] | null {
    if (sequence < this.#forgotten) return null
    const found: EcsEvent[] = []
    for (let back = 1; back <= this.#recent.length; back++) {
      const kept = this.#recent[(this.#next - back + RECENT) % RECENT]
      if (kept === undefined || kept.sequence <= sequence) break
      found.push(read(kept))
    }
    return found.reverse()
  }

  /** Resolves with the next event, or when nudged. */
  next(): Promise<void> {
    this.#wake ??= Promise.withResolvers()
    return this.#wake.promise
  }

  /** Wakes whoever waits for the next event. */
  nudge(): void {
    this.#wake?.resolve()
    this.#wake = null
  }

  /** Lines that the first sink has not written yet, oldest first. */
  unwritten(): string[] {
    return this.#queues[0]?.unwritten() ?? []
  }

  /**
   * Removes events from memory, from what waits for sinks, and from all files; answers how many. Writing goes on meanwhile.
   * Rejects where a file cannot be read or replaced; what was removed by then is gone, and to begin anew is safe.
   */
  erase(matches: (event: EcsEvent) => boolean): Promise<Erasure> {
    // One after the other: each rewrites the files that the one before has left.
    const next = this.#erasing.then(() => this.#erase(matches))
    this.#erasing = next.catch(() => undefined)
    return next
  }

  async #erase(matches: (event: EcsEvent) => boolean): Promise<Erasure> {
    const before = this.#recent.length
    const kept = this.#kept().filter(one => !matches(read(one)))
    this.#recent.splice(0, before, ...kept)
    this.#next = kept.length % RECENT
    const files = this.#sinks.filter(isFileSink)
    if (files.length === 0) return { erased: before - kept.length, unread: [] }
    const isMeant = (line: string): boolean => {
      const event = parseEvent(line)
      return event !== undefined && matches(event)
    }
    let erased = Math.max(...this.#queues.map(queue => queue.erase(isMeant)))
    const unread: string[] = []
    for (const [i, sink] of files.entries()) {
      await sink.rotate()
      const done = await eraseFromFiles(sink.path, matches)
      // Every sink has the same events.
      if (i === 0) erased += done.erased
      unread.push(...done.unread)
    }
    return { erased, unread }
  }

  /** For SIGHUP: log rotation has moved the files away. */
  reopen(): void {
    for (const sink of this.#sinks) sink.reopen()
  }

  /** Writes what waits, for at most `grace` milliseconds. */
  async close(grace = 2_000): Promise<void> {
    await Promise.all(this.#queues.map(queue => queue.close(grace)))
  }
}

function read({ line }: Kept): EcsEvent {
  return JSON.parse(line) as EcsEvent
}
