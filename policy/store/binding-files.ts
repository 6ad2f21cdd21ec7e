import { parseBinding } from './binding-record.ts'
import type { BindingRecord, StoredBinding } from './binding-record.ts'
import { ExpiringFiles } from './expiring-files.ts'
import type { ExpiringFilesOptions } from './expiring-files.ts'
import { parseOrNull } from './records.ts'

/** Bindings as files, ranked by when they were written: the last counts, whoever wrote it. */
export class BindingFiles {
  readonly #files: ExpiringFiles

  constructor(dir: string, options: ExpiringFilesOptions = {}) {
    this.#files = new ExpiringFiles(dir, options)
  }

  open(): Promise<void> {
    return this.#files.open()
  }

  async read(digest: string): Promise<StoredBinding | null> {
    // When the last is over, an earlier one does not count again.
    const [found] = await this.#files.read(digest, ([last]) => last === undefined || this.#files.isOver(last) ? [] : [last])
    const record = found === undefined ? null : parseOrNull(found.text, parseBinding)
    return found === undefined || record === null ? null : { ...record, leftMs: found.file.expires * 1000 - this.#files.now() }
  }

  /** Replaces what is there; `ttlMs` 0 removes it. */
  async write(digest: string, record: BindingRecord, ttlMs: number): Promise<void> {
    if (ttlMs <= 0) return this.#files.forget(digest)
    const [last] = await this.#files.find(digest)
    // A clock that was set back must not make the new one the older.
    const rank = Math.min(Math.max(this.#files.now(), (last?.rank ?? 0) + 1), Number.MAX_SAFE_INTEGER)
    await this.#files.write({ digest, rank, ttlMs, text: JSON.stringify(record) }, () => true)
  }
}
