import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { SluiceError } from '../errors.ts'
import { createFile, errnoOf } from '../store/files.ts'
import type { Log } from '../store/log.ts'

export interface BindingKeySource {
  /** The key as it was mounted; null: `tenant.key` in `dir`, made when it is not there. */
  readonly file: string | null
  readonly dir: string
  readonly log: Log
}

/** RFC 2104 §3: a key shorter than the hash's output (SHA-256: 32 bytes) weakens the HMAC. */
const MIN_BYTES = 32
const MAX_BYTES = 4 * 1024
/** Random bytes have more different ones, also as 32 hexadecimal digits; a file of zeros has not. */
const MIN_DIFFERENT = 8

/**
 * The key under which credentials and places are hashed. It is the file's bytes, a text's last line break left out. All
 * nodes that share a store need the same. Throws `binding-key.unreadable` or `binding-key.weak`, naming the file.
 */
export async function readBindingKey({ file, dir, log }: BindingKeySource): Promise<KeyObject> {
  const path = file ?? join(dir, 'tenant.key')
  const bytes = await readKey(path, log) ?? (file === null ? await makeKey(dir, path, log) : null)
  if (bytes === null) throw unreadable(path, 'there is no such file')
  const key = withoutLineBreak(bytes)
  if (key.length < MIN_BYTES) throw weak(path, `it has ${key.length} bytes, and needs ${MIN_BYTES}`)
  if (new Set(key).size < MIN_DIFFERENT) throw weak(path, 'its bytes are not random')
  return createSecretKey(key)
}

/** Null when there is none. */
async function readKey(path: string, log: Log): Promise<Buffer | null> {
  try {
    // Opening a pipe would wait for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    // Asked of the open file, so that what is checked is what is read.
    const found = await file.stat()
    if (!found.isFile()) throw unreadable(path, 'it is not a file')
    if (found.size > MAX_BYTES) throw unreadable(path, `it has more than ${MAX_BYTES} bytes`)
    if ((found.mode & 0o066) !== 0) log('warn', `The key of the bindings is open to group or others: chmod 600 ${path}`)
    return await file.readFile()
  } catch (error) {
    if (error instanceof SluiceError) throw error
    if (errnoOf(error) === 'ENOENT') return null
    throw unreadable(path, errnoOf(error) ?? 'unknown error', error)
  }
}

/** Of several processes that start at once one makes it, and all read that one. */
async function makeKey(dir: string, path: string, log: Log): Promise<Buffer | null> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await createFile(path, `${randomBytes(MIN_BYTES).toString('base64url')}\n`)
  } catch (error) {
    const why = errnoOf(error) ?? 'unknown error'
    throw new SluiceError('binding-key.unreadable', `The key of the bindings cannot be made as ${path}: ${why}.`,
      `Let Sluice write to ${dir}, or name a key of your own in tenants.keyFile.`, { cause: error })
  }
  return readKey(path, log)
}

function withoutLineBreak(bytes: Buffer): Buffer {
  const line = /^([\x20-\x7e]*)\r?\n$/.exec(bytes.toString('latin1'))
  return line?.[1] === undefined ? bytes : bytes.subarray(0, line[1].length)
}

function unreadable(path: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError('binding-key.unreadable', `The key of the bindings ${path} cannot be read: ${why}.`,
    'Give the user that runs Sluice read access to it, or name another file in tenants.keyFile.', { cause })
}

function weak(path: string, why: string): SluiceError {
  return new SluiceError('binding-key.weak', `The key of the bindings ${path} can be guessed: ${why}.`,
    `Write another: (umask 077; head -c ${MIN_BYTES} /dev/urandom | base64 > ${path})`)
}
