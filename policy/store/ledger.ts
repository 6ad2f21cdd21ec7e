import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createFile, errnoOf, readBytesIfThere, removeLeftovers, replaceFile } from './files.ts'
import { corrupt, parseJson } from './records.ts'
import type { Log } from './log.ts'

export interface LedgerOptions<T> {
  /** The file people read, `policy.json`. */
  readonly current: string
  /** The folder of the numbered versions, `revisions`. */
  readonly versions: string
  /** How many versions stay; the rest is removed after a commit. */
  readonly keep: number
  readonly parse: (value: unknown, where: string) => T | Promise<T>
  /** JSON for a file; indented where nothing else is said. */
  readonly bytesOf?: (document: T) => Promise<Buffer>
  readonly versionOf: (document: T) => number
  readonly log: Log
}

/** How often reading starts anew when versions are removed under it. */
const READ_ATTEMPTS = 20
/** How many files are written at once. */
const AT_ONCE = 50

/**
 * A document that is replaced whole, by several processes, without a lock. Version n + 1 comes into being by
 * creating its numbered file exclusively: whoever creates it has won, and everyone else has been too late.
 * `current` is written after that; should a crash come between, the numbered file is newer and counts.
 */
export class Ledger<T> {
  readonly currentPath: string
  readonly versionsPath: string
  readonly #options: LedgerOptions<T>
  /** What was read or written last: the same bytes are the same document, and are not parsed again. */
  #kept: { readonly bytes: Buffer; readonly document: T } | undefined

  constructor(dir: string, options: LedgerOptions<T>) {
    this.currentPath = join(dir, options.current)
    this.versionsPath = join(dir, options.versions)
    this.#options = options
  }

  /** Makes the folder and puts right what a crash left. */
  async open(): Promise<void> {
    await mkdir(this.versionsPath, { recursive: true, mode: 0o700 })
    await removeLeftovers(this.versionsPath)
    const current = await this.#readFile(this.currentPath)
    const newest = await this.newest()
    if (newest > (current === null ? 0 : this.#options.versionOf(current))) await this.#publish(newest)
  }

  /** The newest document, null when there is none yet. */
  async read(): Promise<T | null> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const current = await this.#readFile(this.currentPath)
      const newest = await this.newest()
      if (newest <= (current === null ? 0 : this.#options.versionOf(current))) return current
      const document = await this.at(newest)
      if (document !== null) return document
    }
    throw new Error(`${this.versionsPath} changed too often to be read`)
  }

  /** The document of version n, null when there is none (any more). */
  async at(version: number): Promise<T | null> {
    const path = this.#pathOf(version)
    const document = await this.#readFile(path)
    if (document !== null && this.#options.versionOf(document) !== version) {
      throw corrupt(path, `it says version ${this.#options.versionOf(document)}`)
    }
    return document
  }

  /** Stores the next version. Resolves false, with nothing changed, when its number is taken. */
  async commit(document: T): Promise<boolean> {
    const version = this.#options.versionOf(document)
    const path = this.#pathOf(version)
    const bytes = await this.#bytesOf(document)
    if (!await createFile(path, bytes)) return false
    this.#kept = { bytes, document }
    const newest = await this.newest()
    if (newest > version) {
      // Either a writer overtook this one after it had won, which is fine, or the number was free only because
      // its first owner has been removed as old: then this one was late by many versions.
      if (newest - version >= this.#options.keep) {
        await rm(path, { force: true })
        return false
      }
      return true
    }
    try {
      await this.#publish(version)
      await this.#removeOld(version)
    } catch (error) {
      // The version is stored and counts; only its copy for people is behind.
      this.#options.log('warn', `${this.currentPath} could not be brought up to date (${errnoOf(error) ?? 'unknown error'})`)
    }
    return true
  }

  /** Puts documents under their own numbers, whatever is there, the last one first; then the newest is the current one. */
  async place(documents: readonly T[]): Promise<void> {
    const put = async (document: T): Promise<void> =>
      replaceFile(this.#pathOf(this.#options.versionOf(document)), await this.#bytesOf(document))
    const [last, ...others] = documents.toReversed()
    if (last !== undefined) await put(last)
    for (let start = 0; start < others.length; start += AT_ONCE) await Promise.all(others.slice(start, start + AT_ONCE).map(put))
    await this.#publish(await this.newest())
  }

  /**
   * What somebody has put in the current file's place by hand and it counts: it is of the newest version or a higher one and is
   * not what was committed. Null where there is nothing such.
   */
  async byHand(): Promise<T | null> {
    const bytes = await readBytesIfThere(this.currentPath)
    const current = bytes === null ? null : await this.#parse(bytes, this.currentPath)
    if (bytes === null || current === null) return null
    const version = this.#options.versionOf(current)
    const numbered = await readBytesIfThere(this.#pathOf(version))
    // In this order: one that was removed as old has newer ones after it.
    return await this.newest() > version || numbered?.equals(bytes) === true ? null : current
  }

  /** The highest number that a version has; 0 while there is none. */
  async newest(): Promise<number> {
    return (await this.versions()).reduce((highest, version) => Math.max(highest, version), 0)
  }

  /** The numbers of the versions that are kept, in any order. */
  async versions(): Promise<number[]> {
    const names = await readdir(this.versionsPath)
    return names.filter((name) => /^\d{6,15}\.json$/.test(name)).map((name) => Number(basename(name, '.json')))
  }

  async #publish(version: number): Promise<void> {
    for (let next = version; ;) {
      const bytes = await readBytesIfThere(this.#pathOf(next))
      if (bytes !== null) await replaceFile(this.currentPath, bytes)
      const newest = await this.newest()
      if (newest <= next) return
      next = newest
    }
  }

  async #removeOld(version: number): Promise<void> {
    if (!Number.isFinite(this.#options.keep)) return
    for (const old of await this.versions()) {
      if (old <= version - this.#options.keep) await rm(this.#pathOf(old), { force: true })
    }
  }

  async #bytesOf(document: T): Promise<Buffer> {
    return await this.#options.bytesOf?.(document) ?? Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
  }

  #pathOf(version: number): string {
    return join(this.versionsPath, `${String(version).padStart(6, '0')}.json`)
  }

  async #readFile(path: string): Promise<T | null> {
    const bytes = await readBytesIfThere(path)
    return bytes === null ? null : this.#parse(bytes, path)
  }

  async #parse(bytes: Buffer, path: string): Promise<T> {
    if (this.#kept?.bytes.equals(bytes) === true) return this.#kept.document
    const document = await this.#options.parse(parseJson(bytes.toString(), path), path)
    this.#kept = { bytes, document }
    return document
  }
}
