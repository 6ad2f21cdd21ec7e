import { readFileSync } from 'node:fs'
import { SluiceError } from '../policy/errors.ts'

const MIB = 1_048_576

/** As `readWhole`, without the line end that editors and secret mounts leave. */
export function readText(file: string, what: string, mib = 1): string {
  return readWhole(file, what, mib).replace(/\r?\n$/, '')
}

/** The text of a file of at most `mib` MiB; `what` names its part. Throws `config.unreadable`. */
export function readWhole(file: string, what: string, mib = 1): string {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.length <= mib * MIB) return text
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new SluiceError('config.unreadable', `${file} (${what}) cannot be read (${code})`,
      'Give the path of a file that this user may read', { cause: error })
  }
  throw new SluiceError('config.unreadable', `${file} (${what}) is over ${mib} MiB`, 'Give the right file')
}
