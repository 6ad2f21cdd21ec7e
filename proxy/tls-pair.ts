import { createSecureContext } from 'node:tls'
import { SluiceError } from '../policy/errors.ts'
import { readText } from './read-text.ts'

/** Files (PEM) of a certificate, its chain behind it, and of its key. */
export interface PairFiles {
  readonly cert: string
  readonly key: string
}

/** What stands in the files; `path`: the key of the configuration that names them. Throws `config.unreadable` or `config.invalid`, which repeat nothing of them. */
export function readPair(files: PairFiles, path: string): { readonly cert: string; readonly key: string } {
  const pair = { cert: readText(files.cert, `${path}.cert`), key: readText(files.key, `${path}.key`) }
  try {
    createSecureContext(pair)
  } catch (error) {
    throw new SluiceError('config.invalid', `${path}: ${files.cert} and ${files.key} are no certificate and its key`,
      'Give two files in PEM, the key without a passphrase', { faults: [{ path, message: 'must be a certificate and its key' }], cause: error })
  }
  return pair
}
