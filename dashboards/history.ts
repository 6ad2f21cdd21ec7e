/** Answers what was recorded on this node: from the files of its first file sink, what still waits for it, and memory. */
import type { EcsEvent, EventFilter } from '../policy/ecs-event.ts'
import { eventTest } from './event-filter.ts'
import type { EventTest } from './event-filter.ts'
import type { Events } from './events.ts'
import { parseEvent } from './parse-event.ts'
import { peekLine } from './peek-line.ts'
import type { Peek } from './peek-line.ts'
import { lastLine, linesBack, linesOn } from './read-back.ts'
import type { FileSink } from './sinks/file.ts'
import { eventFiles, openToRead } from './sinks/names.ts'
import { isPassed, walkBack, walkOn } from './walk.ts'
import type { Place } from './walk.ts'

export interface EventPage {
  /** Newest first, in the order in which requests ended. */
  readonly events: readonly EcsEvent[]
  /** Below which the next page begins; null at the end. There may be more even where the page is not full. */
  readonly next: number | null
  /** `memory`: there is no file, so that only the last 1,000 events of this run are known. */
  readonly source: 'files' | 'memory'
}

export interface HistoryOptions {
  /** Milliseconds that one page may read for; what was found by then is answered. 2,000 by default. */
  readonly pageMs?: number
  /** Milliseconds after which an event counts as not found. 10,000 by default. */
  readonly findMs?: number
}

/**
 * Of the files of all sinks, the number of the newest event; 0 where there is none. What cannot be read counts as none: a start does
 * not hang on it, and its sink will tell.
 */
export async function newestSequence(sinks: readonly FileSink[]): Promise<number> {
  const found = await Promise.all(sinks.map(async ({ path }) => {
    const files = await eventFiles(path).catch(() => [])
    return Promise.all(files.map(file => sequenceAtEnd(file.path).catch(() => 0)))
  }))
  return Math.max(0, ...found.flat())
}

async function sequenceAtEnd(path: string): Promise<number> {
  await using handle = await openToRead(path)
  const line = await lastLine(handle)
  return (line === undefined ? undefined : peekLine(line)?.sequence) ?? 0
}

export class History {
  readonly #events: Events
  readonly #path: string | null
  readonly #pageMs: number
  readonly #findMs: number
  /** Where files begin, by their identity. */
  readonly #known = new Map<string, number>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(events: Events, path: string | null, { pageMs = 2_000, findMs = 10_000 }: HistoryOptions = {}) {
    this.#events = events
    this.#path = path
    this.#pageMs = pageMs
    this.#findMs = findMs
  }

  /** At most `limit` events below `before`, newest first. */
  page(filter: EventFilter, limit: number, before = Infinity): Promise<EventPage> {
    return this.#inTurn(() => this.#page(filter, limit, before))
  }

  async #page(filter: EventFilter, limit: number, before: number): Promise<EventPage> {
    const page = new Page(eventTest(filter), limit, before)
    const path = this.#path
    if (path === null) {
      for (const event of this.#events.newestFirst()) if (page.take(event)) break
      return { ...page.result(true), source: 'memory' }
    }
    // Taken together: what is recorded from now on belongs to no page of this walk.
    const place: Place = { sequence: Math.min(before, this.#events.latest + 1) }
    for (const line of this.#events.unwritten().reverse()) {
      const event = parseEvent(line)
      if (event === undefined || event.event.sequence >= place.sequence) continue
      place.sequence = event.event.sequence
      if (page.take(event)) return { ...page.result(false), source: 'files' }
    }
    const since = filter.since === undefined ? -Infinity : Date.parse(filter.since) * 1_000
    const end = performance.now() + this.#pageMs
    for await (const block of walkBack(path, place, this.#known)) {
      for (const line of linesBack(block)) {
        const peek = peekLine(line)
        if (peek === undefined || isPassed(peek, place)) continue
        // Numbers are times at which requests had ended, so that all before have begun before as well.
        if (peek.isNumbered && peek.sequence < since) return { ...page.result(true), source: 'files' }
        if (page.takeLine(line, peek)) return { ...page.result(false), source: 'files' }
      }
      if (performance.now() > end) return { ...page.result(false, place.sequence), source: 'files' }
    }
    return { ...page.result(true), source: 'files' }
  }

  /** Null where it is not known (any more), or was not found in time. */
  find(id: string): Promise<EcsEvent | null> {
    return this.#inTurn(() => this.#find(id))
  }

  /** One search at a time: many at once would take the thread from requests. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work)
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #find(id: string): Promise<EcsEvent | null> {
    const recent = this.#events.find(id)
    if (recent !== undefined || this.#path === null) return recent ?? null
    for (const line of this.#events.unwritten()) {
      const event = parseEvent(line)
      if (event?.event.id === id) return event
    }
    const needle = Buffer.from(`"event":{"id":${JSON.stringify(id)},`)
    const end = performance.now() + this.#findMs
    for await (const block of walkBack(this.#path, { sequence: Infinity }, this.#known)) {
      if (block.lines.includes(needle)) {
        for (const line of linesBack(block)) if (peekLine(line)?.id === id) return parseEvent(line.toString(), peekLine(line)?.sequence) ?? null
      }
      if (performance.now() > end) return null
    }
    return null
  }

  /**
   * The events above `after` (left out: those to come), oldest first, and then each as it is recorded, until aborted. Holds
   * nothing for whoever takes them slowly: they are read again from memory and files. Ends where there is no file and memory
   * has forgotten what comes next.
   */
  async *follow(filter: EventFilter, signal: AbortSignal, after = this.#events.latest): AsyncGenerator<EcsEvent> {
    const events = this.#events
    const test = eventTest(filter)
    const place: Place = { sequence: after }
    const stop = (): void => events.nudge()
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        const fresh = events.since(place.sequence)
        if (fresh === null) {
          if (this.#path === null) return
          yield* this.#readOn(this.#path, place, test)
          continue
        }
        const next = fresh.length === 0 ? events.next() : null
        for (const event of fresh) {
          place.sequence = event.event.sequence
          if (signal.aborted) return
          if (test.inTime({ at: event['@timestamp'] }) && test.matches(event)) yield event
        }
        if (next !== null) await next
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** What files and queue hold above a place; then it stands where memory goes on. */
  async *#readOn(path: string, place: Place, test: EventTest): AsyncGenerator<EcsEvent> {
    const { forgotten } = this.#events
    // Before the files are read, so that what is written meanwhile is in one of them.
    const unwritten = this.#events.unwritten()
    for await (const block of walkOn(path, place, this.#known)) {
      for (const line of linesOn(block)) {
        const peek = peekLine(line)
        if (peek === undefined || peek.sequence <= place.sequence) continue
        place.sequence = peek.sequence
        const event = test.inTime(peek) && test.maybe(line) ? parseEvent(line.toString(), peek.sequence) : undefined
        if (event !== undefined && test.matches(event)) yield event
      }
    }
    for (const line of unwritten) {
      const event = parseEvent(line)
      if (event === undefined || event.event.sequence <= place.sequence) continue
      place.sequence = event.event.sequence
      if (test.inTime({ at: event['@timestamp'] }) && test.matches(event)) yield event
    }
    // What is in neither was dropped before it was written.
    place.sequence = Math.max(place.sequence, forgotten)
  }
}

/** Collects one event more than asked for, to know whether any follows. */
class Page {
  readonly #test: EventTest
  readonly #limit: number
  readonly #before: number
  readonly #events: EcsEvent[] = []
  #isMore = false

  constructor(test: EventTest, limit: number, before: number) {
    this.#test = test
    this.#limit = limit
    this.#before = before
  }

  /** Whether the page is full. */
  take(event: EcsEvent): boolean {
    if (event.event.sequence >= this.#before) return false
    if (!this.#test.inTime({ at: event['@timestamp'] }) || !this.#test.matches(event)) return false
    this.#isMore = this.#events.length === this.#limit
    if (!this.#isMore) this.#events.push(event)
    return this.#isMore
  }

  takeLine(line: Buffer, peek: Peek): boolean {
    if (!this.#test.inTime(peek) || !this.#test.maybe(line)) return false
    const event = parseEvent(line.toString(), peek.sequence)
    return event !== undefined && this.take(event)
  }

  /** `place`: how far was read where it was not to the end. */
  result(isEnd: boolean, place?: number): Omit<EventPage, 'source'> {
    const last = this.#events.at(-1)?.event.sequence
    const next = this.#isMore ? last ?? null : isEnd ? null : place ?? last ?? null
    return { events: this.#events, next }
  }
}
