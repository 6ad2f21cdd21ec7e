import { createCipheriv, createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FixtureFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

const BLOCK = Buffer.alloc(1 << 20)

/**
 * Writes a file of `size` pseudo-random bytes that depend on `seed` only (an AES-CTR key stream: fast, and no
 * compressor shrinks it). Without `dir` a temporary directory is made, which is the caller's to remove.
 */
export async function makeFile(
  size: number,
  options: { readonly seed?: number; readonly dir?: string; readonly name?: string } = {},
): Promise<FixtureFile> {
  const seed = options.seed ?? 1
  const dir = options.dir ?? await mkdtemp(join(tmpdir(), 'sluice-fixture-'))
  const path = join(dir, options.name ?? `fixture-${size}-${seed}.bin`)
  const key = createHash('sha256').update(`sluice fixture ${seed}`).digest().subarray(0, 16)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const sha256 = createHash('sha256')
  const file = await open(path, 'w')
  try {
    for (let left = size; left > 0; left -= BLOCK.length) {
      const block = cipher.update(BLOCK.subarray(0, Math.min(left, BLOCK.length)))
      sha256.update(block)
      await file.writeFile(block)
    }
  } finally {
    await file.close()
  }
  return { path, size, sha256: sha256.digest('hex') }
}

/** The SHA-256 (hex) of a file, read in constant memory. */
export async function sha256File(path: string): Promise<string> {
  const sha256 = createHash('sha256')
  for await (const chunk of createReadStream(path)) sha256.update(chunk)
  return sha256.digest('hex')
}
