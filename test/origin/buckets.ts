import { dropContent } from './content.ts'
import type { Content } from './content.ts'
import type { StoredFile } from './stand-in.ts'

/** An object of a flat store. */
export interface StoredObject {
  readonly key: string
  readonly content: Content
  readonly contentType: string
  readonly etag: string
  /** ISO 8601, UTC. */
  readonly modified: string
  /** What the client wrote beside it, by the name it gave. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface Listing {
  readonly objects: readonly StoredObject[]
  /** Common prefixes up to the delimiter, inclusive. */
  readonly prefixes: readonly string[]
}

/** The buckets (containers) of an object store; what has the place of another one replaces it. */
export class Buckets {
  readonly #buckets: Map<string, Map<string, StoredObject>>

  constructor(names: readonly string[]) {
    this.#buckets = new Map(names.map(name => [name, new Map()]))
  }

  names(): readonly string[] {
    return [...this.#buckets.keys()]
  }

  has(bucket: string): boolean {
    return this.#buckets.has(bucket)
  }

  create(bucket: string): void {
    if (!this.has(bucket)) this.#buckets.set(bucket, new Map())
  }

  get(bucket: string, key: string): StoredObject | undefined {
    return this.#buckets.get(bucket)?.get(key)
  }

  async put(bucket: string, object: StoredObject): Promise<void> {
    const before = this.get(bucket, object.key)
    this.#buckets.get(bucket)?.set(object.key, object)
    if (before !== undefined) await this.#free(before.content)
  }

  async delete(bucket: string, key: string): Promise<boolean> {
    const objects = this.#buckets.get(bucket)
    const there = objects?.get(key)
    if (objects === undefined || there === undefined) return false
    objects.delete(key)
    await this.#free(there.content)
    return true
  }

  list(bucket: string, prefix: string, delimiter: string): Listing {
    const objects: StoredObject[] = []
    const prefixes = new Set<string>()
    for (const object of this.#buckets.get(bucket)?.values() ?? []) {
      if (!object.key.startsWith(prefix)) continue
      const cut = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length)
      if (cut < 0) objects.push(object)
      else prefixes.add(object.key.slice(0, cut + delimiter.length))
    }
    return { objects: objects.sort((a, b) => a.key < b.key ? -1 : 1), prefixes: [...prefixes].sort() }
  }

  /** `path` begins with the bucket. */
  stored(provider: StoredFile['provider']): readonly StoredFile[] {
    return [...this.#buckets].flatMap(([bucket, objects]) => [...objects.values()].map(({ key, content }) => ({
      provider, path: `/${bucket}/${key}`, name: key.slice(key.lastIndexOf('/') + 1), size: content.size, sha256: content.sha256,
    })))
  }

  /** Drops a content, unless an object still has it: copies share it. */
  async #free(content: Content): Promise<void> {
    const shared = [...this.#buckets.values()].some(objects => [...objects.values()].some(object => object.content === content))
    if (!shared) await dropContent(content)
  }
}
