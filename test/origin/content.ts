import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { createReadStream, mkdtempSync } from 'node:fs'
import { open, readdir, rm, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32c } from './crc32c.ts'

/** The bytes of one stored file. Hashes are hex. */
export interface Content {
  readonly size: number
  readonly sha256: string
  readonly md5: string | undefined
  readonly sha1: string | undefined
  readonly crc32c: number | undefined
  /** Dropbox's content hash: SHA-256 of the concatenated SHA-256 of blocks of 4 MiB. */
  readonly blockHash: string | undefined
  /** Where the bytes are; null when there are none, or when they were too many to keep. */
  readonly file: string | null
}

/** Which hashes a provider needs beside SHA-256. */
export interface Hashes { readonly md5?: boolean; readonly sha1?: boolean; readonly crc32c?: boolean; readonly blocks?: boolean }

/** Keeps contents in temporary files: up to `keepBytes` each; of larger ones only size and hashes are kept. */
export class Vault {
  readonly #dir = mkdtempSync(join(tmpdir(), 'sluice-origin-'))
  readonly #open = new Set<ContentWriter>()
  readonly #keepBytes: number
  #count = 0

  constructor(keepBytes: number) {
    this.#keepBytes = keepBytes
  }

  writer(hashes: Hashes = {}): ContentWriter {
    const path = join(this.#dir, `content-${++this.#count}`)
    const writer = new ContentWriter(path, this.#keepBytes, hashes, () => this.#open.delete(writer))
    this.#open.add(writer)
    return writer
  }

  /** For what is only counted and hashed. */
  counter(): ContentWriter {
    return new ContentWriter('', 0, {}, () => undefined)
  }

  /** Forgets every content, those being written included. */
  async clear(): Promise<void> {
    await Promise.all([...this.#open].map(writer => writer.discard()))
    await Promise.all((await readdir(this.#dir)).map(name => rm(join(this.#dir, name), { force: true })))
  }

  async close(): Promise<void> {
    await this.clear()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** Reads a part of a kept content, `end` inclusive. */
export function readContent(content: Content, start: number, end: number): AsyncIterable<Buffer> | readonly Buffer[] {
  return content.file === null ? [] : createReadStream(content.file, { start, end })
}

export function isKept(content: Content): boolean {
  return content.file !== null || content.size === 0
}

/** Frees the bytes of a content that nothing refers to any more. */
export async function dropContent(content: Content): Promise<void> {
  if (content.file !== null) await unlink(content.file)
}

interface State {
  size: number
  sha256: Hash
  md5: Hash | undefined
  sha1: Hash | undefined
  crc32c: number | undefined
  block: Hash | undefined
  blockLeft: number
  blocks: Hash | undefined
}

const BLOCK_BYTES = 4 << 20

/** Takes a content in, over one request or many, in constant memory. */
export class ContentWriter {
  readonly #path: string
  readonly #keepBytes: number
  readonly #ended: () => void
  #file: FileHandle | null = null
  #tooMany = false
  #state: State
  #saved: State

  constructor(path: string, keepBytes: number, hashes: Hashes, ended: () => void) {
    this.#path = path
    this.#keepBytes = keepBytes
    this.#ended = ended
    const sha256 = (): Hash => createHash('sha256')
    this.#state = {
      size: 0,
      sha256: sha256(),
      md5: hashes.md5 === true ? createHash('md5') : undefined,
      sha1: hashes.sha1 === true ? createHash('sha1') : undefined,
      crc32c: hashes.crc32c === true ? 0 : undefined,
      block: hashes.blocks === true ? sha256() : undefined,
      blockLeft: BLOCK_BYTES,
      blocks: hashes.blocks === true ? sha256() : undefined,
    }
    this.#saved = copyState(this.#state)
  }

  get size(): number {
    return this.#state.size
  }

  async write(chunk: Buffer): Promise<void> {
    if (chunk.length === 0) return
    const state = this.#state
    state.sha256.update(chunk)
    state.md5?.update(chunk)
    state.sha1?.update(chunk)
    if (state.crc32c !== undefined) state.crc32c = crc32c(chunk, state.crc32c)
    hashBlocks(state, chunk)
    const at = state.size
    state.size += chunk.length
    if (this.#tooMany) return
    if (state.size > this.#keepBytes) {
      this.#tooMany = true
      await this.#remove()
      return
    }
    this.#file ??= await open(this.#path, 'w+')
    await this.#file.write(chunk, 0, chunk.length, at)
  }

  /** Remembers this point; `rewind` forgets what came after it, as a provider does with a broken chunk. */
  mark(): void {
    this.#saved = copyState(this.#state)
  }

  async rewind(): Promise<void> {
    this.#state = copyState(this.#saved)
    await this.#file?.truncate(this.#state.size)
  }

  async finish(): Promise<Content> {
    const { size, sha256, md5, sha1, crc32c, block, blockLeft, blocks } = this.#state
    if (block !== undefined && blockLeft < BLOCK_BYTES) blocks?.update(block.digest())
    const file = this.#file === null ? null : this.#path
    await this.#file?.close()
    this.#file = null
    this.#ended()
    return {
      size, sha256: sha256.digest('hex'), md5: md5?.digest('hex'), sha1: sha1?.digest('hex'), crc32c,
      blockHash: blocks?.digest('hex'), file,
    }
  }

  async discard(): Promise<void> {
    this.#tooMany = true
    await this.#remove()
    this.#ended()
  }

  async #remove(): Promise<void> {
    const file = this.#file
    if (file === null) return
    this.#file = null
    await file.close()
    await unlink(this.#path)
  }
}

function copyState(state: State): State {
  return {
    ...state,
    sha256: state.sha256.copy(),
    md5: state.md5?.copy(),
    sha1: state.sha1?.copy(),
    block: state.block?.copy(),
    blocks: state.blocks?.copy(),
  }
}

function hashBlocks(state: State, chunk: Buffer): void {
  if (state.block === undefined || state.blocks === undefined) return
  for (let at = 0; at < chunk.length;) {
    const part = chunk.subarray(at, at + state.blockLeft)
    state.block.update(part)
    state.blockLeft -= part.length
    at += part.length
    if (state.blockLeft > 0) continue
    state.blocks.update(state.block.digest())
    state.block = createHash('sha256')
    state.blockLeft = BLOCK_BYTES
  }
}
