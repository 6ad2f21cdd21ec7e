import { ExpiringFiles } from './expiring-files.ts'
import type { ExpiringFile, ExpiringFilesOptions } from './expiring-files.ts'
import { parseOrNull } from './records.ts'
import { mergeSessions, parseSession } from './session-record.ts'
import type { SessionRecord } from './session-record.ts'

/**
 * Upload sessions as files, ranked by their bytes. What several processes have sent adds up, because each writes files
 * of its own; of one writer's files the one with the most bytes counts.
 */
export class SessionFiles {
  readonly #files: ExpiringFiles

  constructor(dir: string, options: ExpiringFilesOptions = {}) {
    this.#files = new ExpiringFiles(dir, options)
  }

  open(): Promise<void> {
    return this.#files.open()
  }

  async read(digest: string): Promise<SessionRecord | null> {
    return (await this.#readAll(digest)).merged
  }

  /** Merges with what is there; `ttlMs` 0 removes it. */
  async write(digest: string, record: SessionRecord, ttlMs: number): Promise<void> {
    if (ttlMs <= 0) return this.#files.forget(digest)
    const { merged: before, own } = await this.#readAll(digest)
    // What others sent is in their files.
    const merged = { ...mergeSessions(before, record), sent: mergeSessions(own, record).sent }
    const contents = { digest, rank: merged.bytes, ttlMs, text: JSON.stringify(merged) }
    await this.#files.write(contents, (other) => other.writer === this.#files.writer)
  }

  /** All writers' views of a session as one, and this writer's own. */
  async #readAll(digest: string): Promise<{ merged: SessionRecord | null; own: SessionRecord | null }> {
    const read = await this.#files.read(digest, (found) => firstOfEach(found.filter((one) => !this.#files.isOver(one))))
    const records = read.flatMap(({ file: { writer }, text }) => {
      const record = parseOrNull(text, parseSession)
      return record === null ? [] : [{ writer, record }]
    }).sort((a, b) => a.record.updatedAt - b.record.updatedAt)
    return {
      merged: records.reduce<SessionRecord | null>((all, { record }) => mergeSessions(all, record), null),
      own: records.find(({ writer }) => writer === this.#files.writer)?.record ?? null,
    }
  }
}

function firstOfEach(found: readonly ExpiringFile[]): ExpiringFile[] {
  return found.filter((one, n) => found.findIndex(({ writer }) => writer === one.writer) === n)
}
