import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { chained, parseEntry } from './audit-entry.ts'
import type { AuditEntry, Change } from './audit-entry.ts'
import { corrupt } from './corrupt.ts'
import { createFile, errnoOf, readBytesIfThere, removeLeftovers } from './files.ts'
import { parseJson } from './records.ts'

/** How many files are read at once. */
const PAGE = 500
const NAME = /^\d{9,15}\.json$/

/**
 * The audit log as files `000000001.json`, one an entry. Whoever creates the next number has appended; whoever comes late
 * has not, and looks at the end again.
 */
export class AuditFiles {
  readonly path: string
  /** The end as it was seen last. */
  #last: { readonly bytes: Buffer; readonly entry: AuditEntry } | undefined

  constructor(path: string) {
    this.path = path
  }

  async open(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 })
    await removeLeftovers(this.path)
  }

  /** The last entry, null while there is none. `store.corrupt` where it cannot be read. */
  async last(): Promise<AuditEntry | null> {
    const known = this.#last
    // Listing a long log takes long. What was the end is there still, unless another log was put in its place.
    const start = known !== undefined && (await readBytesIfThere(this.#pathOf(known.entry.seq)))?.equals(known.bytes) === true
      ? known.entry.seq : await this.#highest()
    for (let seq = start; seq > 0; seq++) {
      const next = await this.#read(seq)
      if (next === null) break
      this.#last = next
    }
    return start === 0 ? null : this.#last?.entry ?? null
  }

  /** Appends a change after `last`; resolves false, with nothing written, where another entry is there already. */
  async append(last: AuditEntry | null, change: Change, heads: AuditEntry['heads']): Promise<boolean> {
    const entry = chained(last, change, heads)
    const bytes = bytesOf(entry)
    if (!await createFile(this.#pathOf(entry.seq), bytes)) return false
    this.#last = { bytes, entry }
    return true
  }

  /** Entries from `from` to the end, at most `limit`; one that is gone is left out. */
  async page(from: number, limit: number): Promise<AuditEntry[]> {
    const end = (await this.last())?.seq ?? 0
    const found: AuditEntry[] = []
    for (let start = from; start <= end && found.length < limit;) {
      const count = Math.min(limit - found.length, end - start + 1, PAGE)
      const read = await Promise.allSettled(Array.from({ length: count }, (_, i) => this.#read(start + i)))
      for (const one of read) {
        // Of several that cannot be read the first is told, whichever was read first.
        if (one.status === 'rejected') throw one.reason
        if (one.value !== null) found.push(one.value.entry)
      }
      start += count
    }
    return found
  }

  /**
   * Puts another log in this one's place, which goes to `aside`. Done again after a crash it does what is left; a log that has the
   * other's end is the other.
   */
  async replace(entries: readonly AuditEntry[], aside: string): Promise<void> {
    const end = entries.at(-1)
    if (end === undefined) return
    if ((await this.#read(end.seq).catch(() => null))?.entry.hash !== end.hash) {
      // Another that does the same at this moment has moved it.
      await rename(this.path, aside).catch((error: unknown) => {
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
      })
      await mkdir(this.path, { recursive: true, mode: 0o700 })
      // First, so that whoever appends does so after it.
      await createFile(this.#pathOf(end.seq), bytesOf(end))
    }
    for (let start = 0; start < entries.length; start += PAGE) {
      await Promise.all(entries.slice(start, start + PAGE).map((entry) => createFile(this.#pathOf(entry.seq), bytesOf(entry))))
    }
  }

  async #highest(): Promise<number> {
    const names = (await readdir(this.path)).filter((name) => NAME.test(name))
    return names.reduce((highest, name) => Math.max(highest, Number.parseInt(name, 10)), 0)
  }

  async #read(seq: number): Promise<{ bytes: Buffer; entry: AuditEntry } | null> {
    const path = this.#pathOf(seq)
    const bytes = await readBytesIfThere(path)
    if (bytes === null) return null
    const entry = parseEntry(parseJson(bytes.toString(), path), path)
    if (entry.seq !== seq) throw corrupt(path, `it says entry ${entry.seq}`)
    return { bytes, entry }
  }

  #pathOf(seq: number): string {
    return join(this.path, `${String(seq).padStart(9, '0')}.json`)
  }
}

function bytesOf(entry: AuditEntry): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`)
}
