import { hash } from 'node:crypto'
import { mkdir, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from './files.ts'

/** When each token was used last: the time of an empty file a token, so that a use changes no document. */
export class TokenUses {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
  }

  /** Milliseconds since 1970, null where no use is known. */
  async last(id: string): Promise<number | null> {
    return stat(this.#pathOf(id)).then(({ mtimeMs }) => Math.round(mtimeMs), (error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return null
      throw error
    })
  }

  async used(id: string, atMs: number): Promise<void> {
    if ((await this.last(id) ?? 0) >= atMs) return
    const file = await open(this.#pathOf(id), 'a', 0o600)
    try {
      await file.utimes(new Date(), new Date(atMs))
    } finally {
      await file.close()
    }
  }

  async forget(id: string): Promise<void> {
    await rm(this.#pathOf(id), { force: true })
  }

  // An id may hold what no file name may.
  #pathOf(id: string): string {
    return join(this.#dir, hash('sha256', id, 'hex').slice(0, 32))
  }
}
