import { randomBytes } from 'node:crypto'
import type { Writable } from './session-writer.ts'
import { mergeSessions } from './store/session-record.ts'
import type { SessionRecord } from './store/session-record.ts'
import type { SessionWriterCount } from './store/store.ts'

/** What is known of a session here: what the store would hold, and the parts that only this process remembers. */
export interface KnownSession extends SessionRecord {
  /** Bytes counted for each part that has a name but no place (`Operation.part`). */
  readonly parts?: ReadonlyMap<string, number>
}

/** How many parts of one session are told apart; of more, the earliest count again when they are repeated. */
const MAX_PARTS = 512
const PART_BYTES = 100

/** Of this process; with a number behind it, of one session as it is remembered here. */
const PROCESS = randomBytes(6).toString('hex')
let writers = 0

/** One session as this process knows it. Its counts change in place: they do so with every piece of a body. */
export class LiveSession implements Writable {
  /** When the store was last asked and answered, or the session was started here. */
  checkedAt = -Infinity
  writtenAt = -Infinity
  readonly #writer = `${PROCESS}-${(++writers).toString(36)}`
  /** Without its counts, which stand below. */
  #record: SessionRecord
  #bytes = 0
  /** Forwarded by this process. */
  #own = 0
  /** Of those, what the store was not told. */
  #untold = 0
  /** Forwarded by other nodes, or before a restart. */
  #others = 0
  #hasNews = false
  #parts: Map<string, number> | undefined
  #partsMemory = 0

  constructor(startedAt: number, updatedAt: number) {
    this.#record = { bytes: 0, sent: 0, startedAt, updatedAt }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** All bytes that were forwarded, as far as is known here. */
  get sent(): number {
    return this.#own + this.#others
  }

  /** Its start was seen here, or the store has told what it knows. */
  get isKnown(): boolean {
    return this.checkedAt > -Infinity
  }

  get isChanged(): boolean {
    return this.#hasNews || this.#untold > 0
  }

  /** Bytes of memory that its texts and parts take. */
  get memory(): number {
    const { fileName = '', contentType = '', tenantId = '', credential = '' } = this.#record
    return 2 * (fileName.length + contentType.length + tenantId.length + credential.length) + this.#partsMemory
  }

  known(): KnownSession {
    const record = { ...this.#record, bytes: this.#bytes, sent: this.sent }
    return this.#parts === undefined ? record : { ...record, parts: this.#parts }
  }

  forwarded(bytes: number): void {
    this.#own += bytes
    this.#untold += bytes
  }

  reached(bytes: number, at: number): void {
    if (bytes <= this.#bytes) return
    this.#bytes = bytes
    this.#record = { ...this.#record, updatedAt: at }
    this.#hasNews = true
  }

  /** Bytes counted for a part; 0 for one that is not remembered. */
  part(name: string): number {
    return this.#parts?.get(name) ?? 0
  }

  /** True: it takes more memory now. */
  setPart(name: string, bytes: number): boolean {
    const parts = this.#parts ??= new Map()
    const isNew = !parts.has(name)
    if (isNew && parts.size >= MAX_PARTS) {
      const [first = ''] = parts.keys()
      parts.delete(first)
      this.#partsMemory -= PART_BYTES + 2 * first.length
    }
    if (isNew) this.#partsMemory += PART_BYTES + 2 * name.length
    parts.set(name, Math.max(bytes, parts.get(name) ?? 0))
    return isNew
  }

  /** Takes over what its start told. */
  start(facts: SessionRecord): void {
    this.#record = { ...mergeSessions(this.#record, facts), sent: 0 }
    this.#bytes = Math.max(this.#bytes, facts.bytes)
    this.forwarded(facts.sent)
    this.#hasNews = true
  }

  /** Of this process's bytes, what the store was given: ask before reading it, and hand it to `learn`. */
  get toldSent(): number {
    return this.#own - this.#untold
  }

  /** What the store is to hold of this process once it is told. */
  get count(): SessionWriterCount {
    return { id: this.#writer, sent: this.#own }
  }

  /** Takes over what the store holds. `toldSent`: how much of its `sent` is this process's own, where the store does not tell. */
  learn({ by, ...found }: SessionRecord, toldSent: number): void {
    this.#record = { ...mergeSessions(this.#record, found), sent: 0 }
    this.#bytes = Math.max(this.#bytes, found.bytes)
    // A write whose answer was lost may have been made.
    const own = by === undefined ? toldSent : by.get(this.#writer) ?? 0
    this.#others = Math.max(this.#others, found.sent - own)
  }

  tell(): SessionRecord {
    const record = { ...this.#record, bytes: this.#bytes, sent: this.#untold }
    this.#hasNews = false
    this.#untold = 0
    return record
  }

  untell(told: SessionRecord): void {
    this.#hasNews = true
    this.#untold += told.sent
  }
}
