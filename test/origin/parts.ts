import { dropContent, isKept, readContent } from './content.ts'
import type { Content, Hashes, Vault } from './content.ts'

/** The parts of one upload, which may come in any order and more than once, by a name that the client gives. */
export class Parts {
  readonly #parts = new Map<string, Content>()

  get(name: string): Content | undefined {
    return this.#parts.get(name)
  }

  names(): readonly string[] {
    return [...this.#parts.keys()]
  }

  /** Bytes of all parts. */
  size(): number {
    return [...this.#parts.values()].reduce((sum, { size }) => sum + size, 0)
  }

  async put(name: string, content: Content): Promise<void> {
    const before = this.#parts.get(name)
    this.#parts.set(name, content)
    if (before !== undefined) await dropContent(before)
  }

  /** One content of the parts named, in that order; all parts are forgotten. Throws when one is missing or was not kept. */
  async join(vault: Vault, names: readonly string[], hashes: Hashes = {}): Promise<Content> {
    const writer = vault.writer(hashes)
    for (const name of names) {
      const part = this.#parts.get(name)
      if (part === undefined || !isKept(part)) throw new Error(`part ${name} is missing, or was too large to keep`)
      for await (const chunk of readContent(part, 0, part.size - 1)) await writer.write(chunk)
    }
    await this.drop()
    return writer.finish()
  }

  async drop(): Promise<void> {
    const gone = [...this.#parts.values()]
    this.#parts.clear()
    await Promise.all(gone.map(dropContent))
  }
}
