import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** A temporary file lives for milliseconds; one this old belongs to a process that died. */
const LEFTOVER_MS = 60_000
const LEFTOVER = /^\..+\.[0-9a-f]{16}\.tmp$/

/** Replaces a file whole (mode 0600): after a crash at any moment it holds the old text or the new one. */
export async function replaceFile(path: string, text: string | Buffer): Promise<void> {
  const temporary = await writeTemporary(path, text)
  try {
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

/**
 * Creates a whole file (mode 0600), or resolves false when there is one of that name already.
 * `link` is what makes it exclusive: of two processes exactly one wins, and no half file can ever win.
 */
export async function createFile(path: string, text: string | Buffer): Promise<boolean> {
  const temporary = await writeTemporary(path, text)
  try {
    await link(temporary, path)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(path))
  return true
}

/** The text of a file, null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  return (await readBytesIfThere(path))?.toString() ?? null
}

/** What is in a file, null when there is none. */
export async function readBytesIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

/** Removes what died writers left in a directory. */
export async function removeLeftovers(dir: string, now = Date.now()): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!LEFTOVER.test(name)) continue
    const path = join(dir, name)
    const age = await stat(path).then((found) => now - found.mtimeMs, (error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return 0
      throw error
    })
    if (age > LEFTOVER_MS) await rm(path, { force: true })
  }
}

/** The system's name of an error (`ENOENT`), undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

async function writeTemporary(path: string, text: string | Buffer): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true })
    throw error
  }
  await file.close()
  return temporary
}

// Without this a rename or link may be undone by a power cut although it was answered for.
async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
