/** What a worker has recorded, on its way to the process that keeps it: in batches, and never more than so much of it. */
import { toLine } from '../../dashboards/ecs.ts'
import type { Outcome } from '../../dashboards/outcome.ts'
import type { Upload } from '../../policy/usage.ts'
import type { VolumeNews } from '../../policy/volumes.ts'
import type { VolumeKind } from '../open-base.ts'
import type { Records, Sent } from './messages.ts'

export interface OutletOptions {
  readonly send: (records: Records) => void
  /** Characters of events that may wait, those included which the other process has not taken yet; 16 Mi by default. */
  readonly bound?: number
  /** Milliseconds for which events are gathered; what a process has not sent is lost when it is killed. 50 by default: the other process is woken, and writes, once a batch. */
  readonly gatherMs?: number
}

/** Batches that the other process has not taken; further ones wait here, where they are counted. */
const UNDER_WAY = 4

export class Outlet {
  readonly #options: Required<OutletOptions>
  #lines: string[] = []
  #uploads: Upload[] = []
  #blocked: string[] = []
  #sent = new Map<string, Sent>()
  /** Characters in `#lines`, and of each batch under way. */
  #size = 0
  readonly #underWay: number[] = []
  #dropped = 0
  #timer: NodeJS.Timeout | null = null
  #emptied: (() => void) | null = null

  constructor({ send, bound = 16_777_216, gatherMs = 50 }: OutletOptions) {
    this.#options = { send, bound, gatherMs }
  }

  /** Events that found no room. */
  get dropped(): number {
    return this.#dropped
  }

  /** Characters of events that the other process has not taken yet. */
  get waiting(): number {
    return this.#size + this.#underWay.reduce((sum, size) => sum + size, 0)
  }

  record(outcome: Outcome): void {
    const line = toLine(outcome, 0)
    if (!this.#hasRoom(line.length)) {
      this.#dropped++
      return
    }
    this.#size += line.length
    this.#lines.push(line)
    this.#soon()
  }

  add(upload: Upload): void {
    if (!this.#hasRoom(0)) return
    this.#uploads.push(upload)
    this.#soon()
  }

  block(name: string): void {
    if (!this.#hasRoom(0)) return
    this.#blocked.push(name)
    this.#soon()
  }

  /** Never dropped: a rule may hold by it. What comes of one key before it is sent is one number. */
  sent(of: VolumeKind, key: string, { bytes, onWay }: VolumeNews): void {
    const name = `${of} ${key}`
    const before = this.#sent.get(name)
    this.#sent.set(name, { of, key, bytes: bytes + (before?.bytes ?? 0), onWay: onWay + (before?.onWay ?? 0) })
    this.#soon()
  }

  /** The other process has taken the oldest batch. */
  kept(): void {
    this.#underWay.shift()
    this.#flush()
  }

  /** Sends what waits; resolves when all was taken, or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#flush()
    if (this.#underWay.length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#emptied = resolve
    const timer = setTimeout(resolve, graceMs)
    await promise
    clearTimeout(timer)
  }

  #hasRoom(more: number): boolean {
    return this.waiting + more <= this.#options.bound
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#flush()
    }, this.#options.gatherMs)
  }

  #flush(): void {
    if (this.#lines.length + this.#uploads.length + this.#blocked.length + this.#sent.size === 0) {
      if (this.#underWay.length === 0) this.#emptied?.()
      return
    }
    if (this.#underWay.length >= UNDER_WAY) return
    const records = { lines: this.#lines, uploads: this.#uploads, blocked: this.#blocked, sent: [...this.#sent.values()] }
    this.#underWay.push(this.#size)
    this.#size = 0
    this.#lines = []
    this.#uploads = []
    this.#blocked = []
    this.#sent = new Map()
    this.#options.send(records)
  }
}
