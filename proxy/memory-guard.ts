/** Watches the memory of the process: above its bound nothing new is taken until enough is free again, what is under way goes on. */
import { totalmem } from 'node:os'
import { collect } from './collect.ts'
import { LEAST_MEMORY } from './config-limits.ts'

export interface MemorySample {
  /** Resident bytes of the process. */
  readonly resident: number
  /** Requests, WebSockets and spliced tunnels. */
  readonly underWay: number
}

export interface MemoryGuardOptions {
  /** Bytes; null: none. */
  readonly bound: number | null
  readonly underWay: () => number
  /** It has begun to refuse what is new, or has ended to. */
  readonly changed: (isShedding: boolean, resident: number) => void
}

const EVERY_MS = 1_000
/** Of the memory that the machine or container has; the rest is for what comes until somebody looks, and for others. */
const SHARE = 0.75
/** Refusing ends below this part of the bound, so that it does not begin again with the next request. */
const ENOUGH = 0.9
/** Where little is allocated nothing is collected either, so it is asked for while requests are refused. */
const COLLECT_EVERY = 5

export class MemoryGuard {
  readonly bound: number | null
  readonly #options: MemoryGuardOptions
  readonly #timer: NodeJS.Timeout | null
  /** What was under way when it began. */
  #shedding: number | null = null
  #looks = 0

  constructor(options: MemoryGuardOptions) {
    this.#options = options
    this.bound = options.bound
    this.#timer = options.bound === null ? null : setInterval(() => { this.#look() }, EVERY_MS).unref()
  }

  /** Nothing new is to be taken. */
  get isShedding(): boolean {
    return this.#shedding !== null
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  #look(): void {
    const { bound, underWay, changed } = this.#options
    if (bound === null) return
    const sample = { resident: process.memoryUsage.rss(), underWay: underWay() }
    const before = this.#shedding
    if (!mustShed(before, sample, bound)) this.#shedding = null
    else if (before === null) {
      this.#shedding = sample.underWay
      this.#looks = 0
    }
    if (this.isShedding !== (before !== null)) changed(this.isShedding, sample.resident)
    if (this.isShedding && this.#looks++ % COLLECT_EVERY === 0) collect()
  }
}

/**
 * Whether to refuse what is new; `shedding`: what was under way when that began, null: it has not. It ends with the memory, or with half
 * of what was under way: an allocator may keep what was freed, and refusing because of that would never end.
 */
export function mustShed(shedding: number | null, { resident, underWay }: MemorySample, bound: number): boolean {
  if (shedding === null) return resident > bound && underWay > 0
  return resident > bound * ENOUGH && underWay > shedding / 2
}

/** The bound where none is configured, from what the container, else the machine, has. In bytes. */
export function usualBound(constrained: number = process.constrainedMemory(), machine: number = totalmem()): number {
  // Where nothing constrains it, the system says 0 or a number above all memory.
  const whole = constrained > 0 && constrained < machine ? constrained : machine
  return Math.max(LEAST_MEMORY, Math.floor(whole * SHARE))
}
