import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { errnoOf, readIfThere, removeLeftovers } from './files.ts'

export interface ExpiringFilesOptions {
  /** How many files stay. Default 10,000. */
  readonly max?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** One file, as its name tells it. */
export interface ExpiringFile {
  readonly name: string
  readonly rest: string
  /** Of a digest's files the one with the highest counts first. */
  readonly rank: number
  /** Seconds since 1970. */
  readonly expires: number
  readonly writer: string
}

/** What a file of `digest` holds for `ttlMs`. */
export interface FileContents {
  readonly digest: string
  readonly rank: number
  readonly ttlMs: number
  readonly text: string
}

/** Once a fortieth of `max` has been written, what is over and the oldest go, so that there are never more. */
const PRUNE_SHARE = 40
/** How often reading starts anew when another process replaces the file under it. */
const READ_ATTEMPTS = 5
/** `{rest of the digest}-{rank}-{end of its time, seconds since 1970}-{writer}.json`; earlier versions named no writer. */
const NAME = /^([0-9a-f]{30})-(\d{1,16})-(\d{1,12})(?:-([0-9a-f]{8}))?\.json$/

/**
 * Small records that end, as files `ab/{digest}-{rank}-{expiry}-{writer}.json`. Each process writes files of its own, so
 * that none needs a lock, and what is over is found without opening anything. Nothing is synced: a killed process loses
 * nothing, a power cut some records at most.
 */
export class ExpiringFiles {
  readonly writer = randomBytes(4).toString('hex')
  readonly now: () => number
  readonly #dir: string
  readonly #max: number
  readonly #step: number
  #written = 0

  constructor(dir: string, { max = 10_000, now = Date.now }: ExpiringFilesOptions = {}) {
    this.#dir = dir
    this.#max = max
    this.#step = Math.ceil(max / PRUNE_SHARE)
    this.now = now
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await this.#prune(true)
  }

  /** The files of one digest, the first before all others: highest rank, then the longest time. */
  async find(digest: string): Promise<ExpiringFile[]> {
    const rest = digest.slice(2)
    return (await list(this.#folder(digest))).filter((one) => one.rest === rest).sort(before)
  }

  /** What is in those files of a digest that `choose` takes; none where others replace them all the time. */
  async read(
    digest: string, choose: (found: readonly ExpiringFile[]) => readonly ExpiringFile[],
  ): Promise<{ readonly file: ExpiringFile; readonly text: string }[]> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const chosen = choose(await this.find(digest))
      const texts = await Promise.all(chosen.map(({ name }) => readIfThere(join(this.#folder(digest), name))))
      const read = chosen.flatMap((file, n) => {
        const text = texts[n]
        return typeof text === 'string' ? [{ file, text }] : []
      })
      if (read.length === chosen.length) return read
    }
    return []
  }

  isOver({ expires }: ExpiringFile): boolean {
    return expires * 1000 <= this.now()
  }

  /** Writes a file, then removes those that come after it and are `replaced`. */
  async write({ digest, rank, ttlMs, text }: FileContents, replaced: (other: ExpiringFile) => boolean): Promise<void> {
    const expires = Math.ceil((this.now() + ttlMs) / 1000)
    const name = `${digest.slice(2)}-${rank}-${expires}-${this.writer}.json`
    await this.#replace(this.#folder(digest), name, text)
    const own = { name, rest: digest.slice(2), rank, expires, writer: this.writer }
    // What others wrote meanwhile and comes first stays, so that two writers never remove each other's.
    await this.#remove(digest, (other) => before(own, other) < 0 && replaced(other))
    if (++this.#written % this.#step === 0) await this.#prune(false)
  }

  async forget(digest: string): Promise<void> {
    await this.#remove(digest, () => true)
  }

  async #remove(digest: string, which: (file: ExpiringFile) => boolean): Promise<void> {
    for (const file of await this.find(digest)) {
      if (which(file)) await rm(join(this.#folder(digest), file.name), { force: true })
    }
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

  /** Removes what is over, and of the rest all but the newest. */
  async #prune(isFirst: boolean): Promise<void> {
    const all: { readonly path: string; readonly file: ExpiringFile }[] = []
    for (const name of await readdir(this.#dir)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue
      const folder = join(this.#dir, name)
      if (isFirst) await removeLeftovers(folder)
      for (const file of await list(folder)) all.push({ path: join(folder, file.name), file })
    }
    all.sort((a, b) => b.file.expires - a.file.expires)
    const over = all.findIndex(({ file }) => this.isOver(file))
    const keep = Math.min(this.#max - this.#step, over < 0 ? all.length : over)
    for (const { path } of all.slice(keep)) await rm(path, { force: true })
  }

  #folder(digest: string): string {
    return join(this.#dir, digest.slice(0, 2))
  }
}

function before(a: ExpiringFile, b: ExpiringFile): number {
  return b.rank - a.rank || b.expires - a.expires || (a.writer < b.writer ? -1 : a.writer > b.writer ? 1 : 0)
}

async function list(folder: string): Promise<ExpiringFile[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
  return names.flatMap((name) => {
    const [, rest, rank, expires, writer = ''] = NAME.exec(name) ?? []
    return rest === undefined ? [] : [{ name, rest, writer, rank: Number(rank), expires: Number(expires) }]
  })
}
