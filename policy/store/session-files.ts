import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { errnoOf, readIfThere, removeLeftovers } from './files.ts'
import { mergeSessions, parseSession } from './session-record.ts'
import type { SessionRecord } from './session-record.ts'

export interface SessionFilesOptions {
  /** How many sessions stay. */
  readonly max?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Once a fortieth of `max` has been written, what is over and the oldest go, so that there are never more. */
const PRUNE_SHARE = 40
/** How often reading starts anew when another process replaces the file under it. */
const READ_ATTEMPTS = 5
/** `{rest of the digest}-{bytes}-{end of its time, seconds since 1970}.json` */
const NAME = /^([0-9a-f]{30})-(\d{1,16})-(\d{1,12})\.json$/

interface Found {
  readonly name: string
  readonly rest: string
  readonly bytes: number
  /** Seconds since 1970. */
  readonly expires: number
}

/**
 * Upload sessions as small files, `sessions/ab/{digest}-{bytes}-{expiry}.json`. The name says what counts, so that of
 * several processes' writes the one with the most bytes wins without a lock, and what is over is found without opening
 * anything. Nothing is synced: a killed process loses nothing, a power cut some sessions at most.
 */
export class SessionFiles {
  readonly #dir: string
  readonly #max: number
  readonly #now: () => number
  readonly #step: number
  #written = 0

  constructor(dir: string, { max = 10_000, now = Date.now }: SessionFilesOptions = {}) {
    this.#dir = dir
    this.#max = max
    this.#step = Math.ceil(max / PRUNE_SHARE)
    this.#now = now
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await this.#prune(true)
  }

  async read(digest: string): Promise<SessionRecord | null> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const best = (await this.#find(digest)).filter((one) => one.expires * 1000 > this.#now())[0]
      if (best === undefined) return null
      const text = await readIfThere(join(this.#folder(digest), best.name))
      if (text !== null) return parseText(text)
    }
    return null
  }

  /** Merges with what is there; `ttlMs` 0 removes it. */
  async write(digest: string, record: SessionRecord, ttlMs: number): Promise<void> {
    const folder = this.#folder(digest)
    if (ttlMs <= 0) {
      for (const { name } of await this.#find(digest)) await rm(join(folder, name), { force: true })
      return
    }
    const merged = mergeSessions(await this.read(digest), record)
    const name = `${digest.slice(2)}-${merged.bytes}-${Math.ceil((this.#now() + ttlMs) / 1000)}.json`
    await this.#replace(folder, name, JSON.stringify(merged))
    // All but the best, which another process may have written meanwhile.
    for (const old of (await this.#find(digest)).slice(1)) await rm(join(folder, old.name), { force: true })
    if (++this.#written % this.#step === 0) await this.#prune(false)
  }

  async #replace(folder: string, name: string, text: string): Promise<void> {
    const temporary = join(folder, `.${name}.${randomBytes(8).toString('hex')}.tmp`)
    const write = (): Promise<void> => writeFile(temporary, text, { mode: 0o600, flag: 'wx' })
    try {
      await write()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await write()
    }
    await rename(temporary, join(folder, name))
  }

  /** The files of one session, the best first: most bytes, then the longest time. */
  async #find(digest: string): Promise<Found[]> {
    const rest = digest.slice(2)
    return (await list(this.#folder(digest))).filter((one) => one.rest === rest)
      .sort((a, b) => b.bytes - a.bytes || b.expires - a.expires)
  }

  /** Removes what is over, and of the rest all but the newest. */
  async #prune(isFirst: boolean): Promise<void> {
    const all: { readonly path: string; readonly expires: number }[] = []
    for (const name of await readdir(this.#dir)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue
      const folder = join(this.#dir, name)
      if (isFirst) await removeLeftovers(folder)
      for (const one of await list(folder)) all.push({ path: join(folder, one.name), expires: one.expires })
    }
    all.sort((a, b) => b.expires - a.expires)
    const over = all.findIndex(({ expires }) => expires * 1000 <= this.#now())
    const keep = Math.min(this.#max - this.#step, over < 0 ? all.length : over)
    for (const { path } of all.slice(keep)) await rm(path, { force: true })
  }

  #folder(digest: string): string {
    return join(this.#dir, digest.slice(0, 2))
  }
}

async function list(folder: string): Promise<Found[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
  return names.flatMap((name) => {
    const [, rest, bytes, expires] = NAME.exec(name) ?? []
    return rest === undefined ? [] : [{ name, rest, bytes: Number(bytes), expires: Number(expires) }]
  })
}

/** A power cut may leave an empty file under a whole name. */
function parseText(text: string): SessionRecord | null {
  try {
    return parseSession(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
