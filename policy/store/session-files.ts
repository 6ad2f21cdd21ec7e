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
/** `{rest of the digest}-{bytes}-{end of its time, seconds since 1970}-{writer}.json`; earlier versions named no writer. */
const NAME = /^([0-9a-f]{30})-(\d{1,16})-(\d{1,12})(?:-([0-9a-f]{8}))?\.json$/

interface Found {
  readonly name: string
  readonly rest: string
  readonly bytes: number
  /** Seconds since 1970. */
  readonly expires: number
  readonly writer: string
}

/**
 * Upload sessions as small files, `sessions/ab/{digest}-{bytes}-{expiry}-{writer}.json`. Each process writes files of its
 * own, so that what several have sent adds up without a lock; of one writer's files the one with the most bytes counts,
 * and what is over is found without opening anything. Nothing is synced: a killed process loses nothing, a power cut
 * some sessions at most.
 */
export class SessionFiles {
  readonly #dir: string
  readonly #max: number
  readonly #now: () => number
  readonly #step: number
  readonly #writer = randomBytes(4).toString('hex')
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
    return (await this.#readAll(digest)).merged
  }

  /** Merges with what is there; `ttlMs` 0 removes it. */
  async write(digest: string, record: SessionRecord, ttlMs: number): Promise<void> {
    const folder = this.#folder(digest)
    if (ttlMs <= 0) {
      for (const { name } of await this.#find(digest)) await rm(join(folder, name), { force: true })
      return
    }
    const { merged: before, own } = await this.#readAll(digest)
    // What others sent is in their files.
    const merged = { ...mergeSessions(before, record), sent: mergeSessions(own, record).sent }
    const name = `${digest.slice(2)}-${merged.bytes}-${Math.ceil((this.#now() + ttlMs) / 1000)}-${this.#writer}.json`
    await this.#replace(folder, name, JSON.stringify(merged))
    for (const old of await this.#find(digest)) {
      if (old.writer === this.#writer && old.name !== name) await rm(join(folder, old.name), { force: true })
    }
    if (++this.#written % this.#step === 0) await this.#prune(false)
  }

  /** All writers' views of a session as one, and this writer's own. */
  async #readAll(digest: string): Promise<{ merged: SessionRecord | null; own: SessionRecord | null }> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const found = (await this.#find(digest)).filter((one) => one.expires * 1000 > this.#now())
      const best = found.filter((one, n) => found.findIndex(({ writer }) => writer === one.writer) === n)
      const read = await Promise.all(best.map(async ({ name, writer }) => ({ writer, text: await readIfThere(join(this.#folder(digest), name)) })))
      if (read.some(({ text }) => text === null)) continue
      const records = read.flatMap(({ writer, text }) => {
        const record = parseText(text ?? '')
        return record === null ? [] : [{ writer, record }]
      }).sort((a, b) => a.record.updatedAt - b.record.updatedAt)
      return {
        merged: records.reduce<SessionRecord | null>((all, { record }) => mergeSessions(all, record), null),
        own: records.find(({ writer }) => writer === this.#writer)?.record ?? null,
      }
    }
    return { merged: null, own: null }
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
    const [, rest, bytes, expires, writer = ''] = NAME.exec(name) ?? []
    return rest === undefined ? [] : [{ name, rest, writer, bytes: Number(bytes), expires: Number(expires) }]
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
