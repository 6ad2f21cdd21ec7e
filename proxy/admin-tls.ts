import { createSecureContext } from 'node:tls'
import type { Access } from '../policy/admin/ports.ts'
import { SluiceError } from '../policy/errors.ts'
import type { Config } from './config.ts'
import { readText } from './read-text.ts'

/** The files of `admin.tls`. Throws `config.unreadable` or `config.invalid`, which repeat nothing of them. */
export function readPair(files: Config['admin']['tls']): Access['tls'] {
  if (files === null) return null
  const pair = { cert: readText(files.cert, 'admin.tls.cert'), key: readText(files.key, 'admin.tls.key') }
  try {
    createSecureContext(pair)
  } catch (error) {
    throw new SluiceError('config.invalid', `admin.tls: ${files.cert} and ${files.key} are no certificate and its key`,
      'Give two files in PEM, the key without a passphrase', { faults: [{ path: 'admin.tls', message: 'must be a certificate and its key' }], cause: error })
  }
  return pair
}
