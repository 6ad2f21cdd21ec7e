import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { createFile, errnoOf, readIfThere, removeLeftovers } from './files.ts'
import { parseOrNull } from './records.ts'

/** How many stay; those that end first go first. */
const MAX = 10_000
const PRUNE_EVERY = 250
const SETTLE_MS = 60_000
/** `{rest of the digest}-{generation}.json` */
const NAME = /^([0-9a-f]{62})-(\d{1,15})\.json$/

/**
 * Texts that end, each written once: `ab/{digest}-{generation}.json`. While one counts, nobody else can take its place; when it
 * is over, whoever creates the next generation has taken it.
 */
export class RememberedFiles {
  readonly #dir: string
  readonly #max: number
  #written = 0

  constructor(dir: string, max = MAX) {
    this.#dir = dir
    this.#max = max
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await this.#prune()
  }

  async read(digest: string): Promise<string | null> {
    return (await this.#find(digest)).text
  }

  /** Resolves false where something is there, or another was quicker. */
  async write(digest: string, text: string, ttlMs: number): Promise<boolean> {
    const { text: there, generation } = await this.#find(digest)
    if (there !== null) return false
    const folder = join(this.#dir, digest.slice(0, 2))
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const until = Date.now() + ttlMs
    const path = join(folder, `${digest.slice(2)}-${generation + 1}.json`)
    if (!await createFile(path, JSON.stringify({ until, text }))) return false
    // Found again without opening it. What counts is inside.
    await utimes(path, new Date(), new Date(until))
    for (let old = generation; old > 0 && old > generation - 2; old--) {
      await rm(join(folder, `${digest.slice(2)}-${old}.json`), { force: true })
    }
    if (++this.#written % PRUNE_EVERY === 0) await this.#prune()
    return true
  }

  async #find(digest: string): Promise<{ text: string | null; generation: number }> {
    const folder = join(this.#dir, digest.slice(0, 2))
    const generation = (await list(folder)).reduce((highest, name) => {
      const [, rest, number] = NAME.exec(name) ?? []
      return rest === digest.slice(2) ? Math.max(highest, Number(number)) : highest
    }, 0)
    if (generation === 0) return { text: null, generation }
    const found = await readIfThere(join(folder, `${digest.slice(2)}-${generation}.json`))
    const record = found === null ? null : parseOrNull(found, parse)
    return { text: record === null || record.until <= Date.now() ? null : record.text, generation }
  }

  async #prune(): Promise<void> {
    const all: { readonly path: string; readonly until: number }[] = []
    for (const name of await readdir(this.#dir)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue
      const folder = join(this.#dir, name)
      await removeLeftovers(folder)
      for (const file of await list(folder)) {
        const path = join(folder, file)
        const until = NAME.test(file) ? await endOf(path) : null
        if (until !== null) all.push({ path, until })
      }
    }
    all.sort((a, b) => b.until - a.until)
    // A file that is just being made does not have the time of its end yet.
    const over = all.findIndex(({ until }) => until <= Date.now() - SETTLE_MS)
    for (const { path } of all.slice(Math.min(this.#max, over < 0 ? all.length : over))) await rm(path, { force: true })
  }
}

function parse(value: unknown): { until: number; text: string } | null {
  return typeof value === 'object' && value !== null && 'until' in value && typeof value.until === 'number'
    && 'text' in value && typeof value.text === 'string' ? { until: value.until, text: value.text } : null
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
}

async function endOf(path: string): Promise<number | null> {
  return stat(path).then(({ mtimeMs }) => mtimeMs, (error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  })
}
