import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { SluiceError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { createFile, errnoOf } from './files.ts'
import type { Log } from './log.ts'

/** A key, in words of those who look after it. */
export interface KeyKind {
  /** `The key of the bindings` */
  readonly what: string
  /** Of the file that is made where none is named: `tenant.key`. */
  readonly name: string
  /** The key of the configuration that names a file. */
  readonly setting: string
  readonly unreadable: ErrorCode
  readonly weak: ErrorCode
}

export interface KeySource {
  /** The key as it was mounted; null: a file in `dir`, made when it is not there. */
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
 * A key for HMAC-SHA-256. It is the file's bytes, a text's last line break left out. Throws the kind's errors, naming the file.
 */
export async function readKeyFile(kind: KeyKind, { file, dir, log }: KeySource): Promise<KeyObject> {
  const path = file ?? join(dir, kind.name)
  const bytes = await readKey(kind, path, log) ?? (file === null ? await makeKey(kind, dir, path, log) : null)
  if (bytes === null) throw unreadable(kind, path, 'there is no such file')
  const key = withoutLineBreak(bytes)
  if (key.length < MIN_BYTES) throw weak(kind, path, `it has ${key.length} bytes, and needs ${MIN_BYTES}`)
  if (new Set(key).size < MIN_DIFFERENT) throw weak(kind, path, 'its bytes are not random')
  return createSecretKey(key)
}

/** Null when there is none. */
async function readKey(kind: KeyKind, path: string, log: Log): Promise<Buffer | null> {
  try {
    // Opening a pipe would wait for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    // Asked of the open file, so that what is checked is what is read.
    const found = await file.stat()
    if (!found.isFile()) throw unreadable(kind, path, 'it is not a file')
    if (found.size > MAX_BYTES) throw unreadable(kind, path, `it has more than ${MAX_BYTES} bytes`)
    if ((found.mode & 0o066) !== 0) log('warn', `${kind.what} is open to group or others: chmod 600 ${path}`)
    return await file.readFile()
  } catch (error) {
    if (error instanceof SluiceError) throw error
    if (errnoOf(error) === 'ENOENT') return null
    throw unreadable(kind, path, errnoOf(error) ?? 'unknown error', error)
  }
}

/** Of several processes that start at once one makes it, and all read that one. */
async function makeKey(kind: KeyKind, dir: string, path: string, log: Log): Promise<Buffer | null> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await createFile(path, `${randomBytes(MIN_BYTES).toString('base64url')}\n`)
  } catch (error) {
    const why = errnoOf(error) ?? 'unknown error'
    throw new SluiceError(kind.unreadable, `${kind.what} cannot be made as ${path}: ${why}.`,
      `Let Sluice write to ${dir}, or name a key of your own in ${kind.setting}.`, { cause: error })
  }
  return readKey(kind, path, log)
}

function withoutLineBreak(bytes: Buffer): Buffer {
  const line = /^([\x20-\x7e]*)\r?\n$/.exec(bytes.toString('latin1'))
  return line?.[1] === undefined ? bytes : bytes.subarray(0, line[1].length)
}

function unreadable(kind: KeyKind, path: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError(kind.unreadable, `${kind.what} ${path} cannot be read: ${why}.`,
    `Give the user that runs Sluice read access to it, or name another file in ${kind.setting}.`, { cause })
}

function weak(kind: KeyKind, path: string, why: string): SluiceError {
  return new SluiceError(kind.weak, `${kind.what} ${path} can be guessed: ${why}.`,
    `Write another: (umask 077; head -c ${MIN_BYTES} /dev/urandom | base64 > ${path})`)
}
