import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CertificateError, systemCode } from './errors.ts'

/** Files of the authority's directory: written whole and flushed, or not at all. */

const PRIVATE_DIR = 0o700
export const PRIVATE_FILE = 0o600
export const PUBLIC_FILE = 0o644

/** Makes `dir` (0700) where it is missing. Throws `ca.permissions` when others may write to it. */
export async function ensureDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dirname(dir), { recursive: true })
    await mkdir(dir, { mode: PRIVATE_DIR }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
    const { mode } = await stat(dir)
    if ((mode & 0o022) !== 0) {
      throw new CertificateError('ca.permissions', `${dir} is writable by others than its owner`,
        `Run: chmod 700 ${dir}`)
    }
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause
    throw unwritable(dir, cause)
  }
}

/** The text of a file, null when there is none. A private one must be open to its owner alone (`ca.permissions`). */
export async function readFileOrNull(path: string, options: { private: boolean }): Promise<string | null> {
  try {
    await using file = await open(path, 'r')
    // Asked of the open file, so that what is checked is what is read.
    const { mode } = await file.stat()
    if (options.private && (mode & 0o077) !== 0) {
      throw new CertificateError('ca.permissions', `${path} holds a private key and is open to group or others`,
        `Run: chmod 600 ${path}`)
    }
    return await file.readFile('utf8')
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause
    if (systemCode(cause) === 'ENOENT') return null
    throw new CertificateError('ca.unreadable', `${path} cannot be read (${systemCode(cause) ?? 'unknown error'})`,
      'Give the user that runs Sluice read access to it', { cause })
  }
}

/**
 * Creates a file that does not exist yet; false when it does, whoever came first. It appears under its name complete:
 * a hard link is both exclusive and atomic, which opening the final name is not.
 */
export async function createExclusively(path: string, text: string, mode: number): Promise<boolean> {
  return await withTemporary(path, text, mode, async temporary => {
    try {
      await link(temporary, path)
      return true
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false
      throw error
    }
  })
}

/** Replaces a file, or creates it: readers see the old text or the new, never a part. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await withTemporary(path, text, mode, temporary => rename(temporary, path))
}

/** The kept certificates, `ca-<fingerprint>.crt`, as paths in a stable order. */
export async function keptCertificates(dir: string): Promise<string[]> {
  const names = await readdir(dir)
  return names.filter(name => /^ca-[0-9a-f]{8}\.crt$/.test(name)).sort().map(name => join(dir, name))
}

/** The kept private keys, `ca-<fingerprint>.key`; none where there is no directory. */
export async function keptKeys(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  })
  return names.filter(name => /^ca-[0-9a-f]{8}\.key$/.test(name)).sort().map(name => join(dir, name))
}

async function withTemporary<T>(
  path: string, text: string, mode: number, use: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFlushed(temporary, text, mode)
    const result = await use(temporary)
    await using directory = await open(dirname(path), 'r')
    await directory.sync()
    return result
  } catch (cause) {
    throw unwritable(path, cause)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function writeFlushed(path: string, text: string, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode)
  await file.writeFile(text)
  await file.sync()
}

const unwritable = (path: string, cause: unknown): CertificateError =>
  new CertificateError('ca.unwritable', `${path} cannot be written (${systemCode(cause) ?? 'unknown error'})`,
    'Give the user that runs Sluice write access, on a file system with hard links', { cause })
