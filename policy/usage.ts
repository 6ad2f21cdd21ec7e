/** Who uploaded how much, hour by hour. */
import { Busiest } from './busiest.ts'

export const USAGE_BY = ['user', 'provider', 'tenant', 'client'] as const
export type UsageBy = (typeof USAGE_BY)[number]

/** One upload that went through. What is not known is left out and not counted under that heading. */
export interface Upload {
  readonly user?: string
  readonly provider?: string
  readonly tenant?: string
  /** Class of the client. */
  readonly client?: string
  readonly bytes: number
}

export interface UsageRow {
  readonly key: string
  readonly bytes: number
  readonly count: number
}

export interface UsageOptions {
  /** How many different names are kept per hour and heading; further ones count as `(other)`. Default 10,000. */
  readonly maxKeys?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** A day, and the hour that has begun. */
export const USAGE_HOURS = 25
const HOUR_MS = 3_600_000
/** How long uploads that were blocked for one name count together. */
const BURST_MS = 5 * 60_000
const OTHER = '(other)'

interface Sum {
  bytes: number
  count: number
}

interface Hour {
  readonly number: number
  readonly sums: Readonly<Record<UsageBy, Map<string, Sum>>>
}

/** Counts uploads of the last 25 hours, in bounded memory. Of this process; a restart forgets. */
export class Usage {
  readonly #maxKeys: number
  readonly #now: () => number
  readonly #hours: Hour[] = []
  readonly #blocked: Busiest

  constructor({ maxKeys = 10_000, now = Date.now }: UsageOptions = {}) {
    this.#maxKeys = maxKeys
    this.#now = now
    this.#blocked = new Busiest(BURST_MS, maxKeys)
  }

  add(upload: Upload): void {
    const { sums } = this.#hour()
    for (const by of USAGE_BY) {
      const name = upload[by]
      if (name !== undefined) this.#count(sums[by], name, upload.bytes)
    }
  }

  /** An upload was blocked; `name`: of the user, or an address where none is known. */
  block(name: string): void {
    this.#blocked.add(name, performance.now())
  }

  /** The most uploads that were blocked for one name within five minutes. */
  get mostBlocked(): number {
    return this.#blocked.highest(performance.now())
  }

  /** Sums of the hour that runs and the `overHours - 1` before it (1 to 25), most bytes first. */
  report(by: UsageBy, overHours = 24): UsageRow[] {
    const from = hourOf(this.#now()) - Math.min(USAGE_HOURS, Math.max(1, Math.floor(overHours))) + 1
    const total = new Map<string, Sum>()
    for (const hour of this.#hours) {
      if (hour.number < from) continue
      for (const [key, { bytes, count }] of hour.sums[by]) {
        const sum = total.get(key) ?? { bytes: 0, count: 0 }
        total.set(key, { bytes: sum.bytes + bytes, count: sum.count + count })
      }
    }
    return [...total].map(([key, sum]) => ({ key, ...sum })).sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1))
  }

  /** Drops what was counted for users of these names, lower case. Sums by provider, tenant and client name nobody and stay. */
  forget(names: readonly string[]): void {
    this.#blocked.forget((name) => names.includes(name.toLowerCase()))
    for (const { sums } of this.#hours) {
      for (const user of sums.user.keys()) if (names.includes(user.toLowerCase())) sums.user.delete(user)
    }
  }

  #count(sums: Map<string, Sum>, name: string, bytes: number): void {
    const key = sums.has(name) || sums.size < this.#maxKeys ? name : OTHER
    const sum = sums.get(key)
    if (sum === undefined) {
      sums.set(key, { bytes, count: 1 })
    } else {
      sum.bytes += bytes
      sum.count++
    }
  }

  #hour(): Hour {
    const newest = this.#hours.at(-1)
    // A clock that was put back goes on counting in the newest hour.
    const number = Math.max(hourOf(this.#now()), newest?.number ?? 0)
    if (newest?.number === number) return newest
    const hour = { number, sums: { user: new Map(), provider: new Map(), tenant: new Map(), client: new Map() } }
    this.#hours.push(hour)
    while ((this.#hours[0]?.number ?? number) <= number - USAGE_HOURS) this.#hours.shift()
    return hour
  }
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS)
}
