/** Who has sent how much to which provider, in sliding windows: what `volume` conditions ask. */
import { LRUCache } from 'lru-cache'
import { atMost } from './at-most.ts'
import { clientKey } from './client-key.ts'
import type { Activity, Client, Operation } from './operation.ts'

/** The shortest and the longest window that a condition may name. */
export const MIN_WINDOW_MS = 60_000
export const MAX_WINDOW_MS = 31 * 86_400_000

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How finely bytes are kept, for windows of how long: some 140 numbers a key at most. */
const SCALES = [
  { slotMs: 60_000, upToMs: HOUR_MS },
  { slotMs: HOUR_MS, upToMs: 2 * DAY_MS },
  { slotMs: DAY_MS, upToMs: MAX_WINDOW_MS },
] as const
/** Pairs of user and provider that are remembered; of more, those that sent nothing for longest are forgotten. */
const MAX_KEYS = 20_000

/** Others are told of what is on its way in steps of so many bytes, so that small bodies are told of once, when they are over. */
const TELL_BYTES = 65_536

/** Activities whose bodies count: what can carry content. */
const COUNTED: ReadonlySet<Activity> = new Set(['upload', 'edit', 'change', 'share', 'other', 'tunnel'])

/** Whether the bodies of an activity count. */
export function isCounted(activity: Activity): boolean {
  return COUNTED.has(activity)
}

/**
 * Under what a request's bytes are counted: the user, else the address (of IPv6 its /64, within which a machine chooses
 * freely), at one provider. Tunnels count for themselves: most of what passes through those to shared servers is no upload.
 */
export function volumeKey(client: Pick<Client, 'user' | 'ip'>, { provider, activity }: Pick<Operation, 'provider' | 'activity'>): string {
  const key = `${clientKey(client)} ${provider}`
  return activity === 'tunnel' ? `${key} tunnel` : key
}

/** The bytes of one request's body, while they pass. */
export interface VolumeCount {
  /** What others of the same key have sent in the last `overMs`, or are sending. */
  others(overMs: number): number
  /** What others of the same key have claimed, ever: it only grows, and tells at once that `others` may have. */
  readonly othersEver: number
  /** The body has, or is going to have, so many bytes: at once, others see them. Never less than before. */
  claim(bytes: number): void
  /** The body is over, with so many bytes sent; calling it again does nothing. */
  close(bytes: number): void
}

/** What others are told of a key, or learn of it. */
export interface VolumeNews {
  /** By bodies that are over. */
  readonly bytes: number
  /** By how much more (less, when below 0) is on its way than was told. */
  readonly onWay: number
}

/** What is known of a key, for one that begins to count. Ages do not depend on whose clock they were told by. */
export interface VolumePast {
  readonly key: string
  readonly onWay: number
  /** For each scale: milliseconds since the end of a slot (0 of the one that lasts), and bytes; oldest first. */
  readonly scales: readonly (readonly (readonly [ageMs: number, bytes: number])[])[]
}

/**
 * Counts in memory, of this process; a restart forgets. Windows of up to an hour are counted by the minute, of up to two days by
 * the hour, longer ones by the day, each of which counts until all of it has left the window: never too little.
 */
export class Volumes {
  readonly #totals = new LRUCache<string, Total>(atMost(MAX_KEYS))
  readonly #now: () => number
  readonly #told: (key: string, news: VolumeNews) => void

  /**
   * `now`: milliseconds that never go back, so that no step of the clock moves what was sent out of its window. `told`: called with what a
   * body brings, while it passes and when it is over, so that other processes can `learn` it.
   */
  constructor(now: () => number = () => performance.now(), told: (key: string, news: VolumeNews) => void = () => undefined) {
    this.#now = now
    this.#told = told
  }

  /** Counts what another process has sent, or has on its way. */
  learn(key: string, { bytes, onWay }: VolumeNews): void {
    const total = this.#total(key)
    total.ever += bytes + Math.max(0, onWay)
    // What was told of before may have been forgotten here.
    total.elsewhere = Math.max(0, total.elsewhere + onWay)
    if (bytes > 0) total.add(bytes, this.#now())
  }

  /** What other processes have told of and what was sent here, those that sent nothing for longest first. */
  past(): VolumePast[] {
    const at = this.#now()
    return this.#totals.dump().map(([key, { value }]) => ({ key, onWay: value.elsewhere, scales: value.ages(at) }))
  }

  /** Takes over what another process knows, before anything of it is counted here. */
  recall(past: readonly VolumePast[]): void {
    const at = this.#now()
    for (const { key, onWay, scales } of past) {
      const total = this.#total(key)
      total.elsewhere += onWay
      total.recall(scales, at)
    }
  }

  /** Bytes of the key in the last `overMs`, those on their way included. */
  sent(key: string, overMs: number): number {
    const total = this.#totals.peek(key)
    return total === undefined ? 0 : total.onWay + total.past(overMs, this.#now())
  }

  open(key: string): VolumeCount {
    return new Count(this.#total(key), this.#now, (news) => this.#told(key, news))
  }

  #total(key: string): Total {
    let total = this.#totals.get(key)
    if (total === undefined) {
      total = new Total()
      this.#totals.set(key, total)
    }
    return total
  }
}

/** What one key has sent. */
class Total {
  /** Of bodies on their way here, and in other processes as far as these have told. */
  claimed = 0
  elsewhere = 0
  /** All that was claimed, ever. */
  ever = 0
  /** For each scale, by number of the slot, oldest first. */
  readonly #scales = SCALES.map(scale => ({ ...scale, slots: new Map<number, number>() }))

  get onWay(): number {
    return this.claimed + this.elsewhere
  }

  add(bytes: number, at: number): void {
    for (const { slotMs, upToMs, slots } of this.#scales) {
      const slot = Math.floor(at / slotMs)
      slots.set(slot, (slots.get(slot) ?? 0) + bytes)
      drop(slots, slot - upToMs / slotMs)
    }
  }

  ages(at: number): VolumePast['scales'] {
    return this.#scales.map(({ slotMs, slots }) => [...slots].map(([slot, bytes]) => [Math.max(0, at - (slot + 1) * slotMs), bytes] as const))
  }

  /** Never too little: what lay in one slot lies in the one that has its last moment. */
  recall(scales: VolumePast['scales'], at: number): void {
    for (const [n, { slotMs, slots }] of this.#scales.entries()) {
      for (const [ageMs, bytes] of scales[n] ?? []) {
        const slot = Math.floor((at - ageMs) / slotMs)
        slots.set(slot, (slots.get(slot) ?? 0) + bytes)
      }
    }
  }

  past(overMs: number, at: number): number {
    let sum = 0
    for (const { slotMs, upToMs, slots } of this.#scales) {
      if (overMs > upToMs) continue
      const first = Math.floor((at - overMs) / slotMs)
      for (const [slot, bytes] of slots) if (slot >= first) sum += bytes
      break
    }
    return sum
  }
}

class Count implements VolumeCount {
  readonly #total: Total
  readonly #now: () => number
  readonly #told: (news: VolumeNews) => void
  #claimed = 0
  /** Of that, what others know. */
  #toldOf = 0
  #closed = false

  constructor(total: Total, now: () => number, told: (news: VolumeNews) => void) {
    this.#total = total
    this.#now = now
    this.#told = told
  }

  others(overMs: number): number {
    return this.#total.onWay - this.#claimed + this.#total.past(overMs, this.#now())
  }

  get othersEver(): number {
    return this.#total.ever - this.#claimed
  }

  claim(bytes: number): void {
    if (this.#closed || bytes <= this.#claimed) return
    this.#total.claimed += bytes - this.#claimed
    this.#total.ever += bytes - this.#claimed
    this.#claimed = bytes
    if (bytes - this.#toldOf >= TELL_BYTES) this.#tell(0, bytes)
  }

  close(bytes: number): void {
    if (this.#closed) return
    this.#closed = true
    this.#total.claimed -= this.#claimed
    this.#claimed = 0
    const sent = Math.max(0, bytes)
    if (sent > 0) this.#total.add(sent, this.#now())
    if (sent > 0 || this.#toldOf > 0) this.#tell(sent, 0)
  }

  #tell(bytes: number, onWay: number): void {
    const more = onWay - this.#toldOf
    this.#toldOf = onWay
    this.#told({ bytes, onWay: more })
  }
}

/** Drops the slots before `first`. */
function drop(slots: Map<number, number>, first: number): void {
  for (const number of slots.keys()) {
    if (number >= first) return
    slots.delete(number)
  }
}
