import { createOidc } from '../policy/admin/oidc.ts'
import type { Oidc } from '../policy/admin/oidc.ts'
import { fixedKeys, issuerKeys } from '../policy/admin/oidc-keys.ts'
import type { GetJson } from '../policy/admin/oidc-keys.ts'
import { SluiceError } from '../policy/errors.ts'
import type { Log } from '../policy/store/log.ts'
import { readKeySet } from '../policy/tenant/key-sets.ts'
import type { Config } from './config.ts'
import { readText } from './read-text.ts'

/** `admin.oidc` at work; null where there is none. Throws where `keySetFile` cannot be used; fetches nothing yet. `way`: made only where something is to be fetched. */
export function openOidc(settings: Config['admin']['oidc'], way: () => GetJson, log: Log): Oidc | null {
  if (settings === null) return null
  const { issuer, jwksUri, keySetFile } = settings
  if (keySetFile === null) return createOidc(settings, issuerKeys({ issuer, jwksUri, getJson: way(), log }))
  const keys = readKeySet(readText(keySetFile, 'admin.oidc.keySetFile')) ?? []
  if (keys.length > 0) return createOidc(settings, fixedKeys(keys))
  throw new SluiceError('config.invalid', `admin.oidc: ${keySetFile} holds no public key`, 'Give a JSON Web Key Set: {"keys": [...]}',
    { faults: [{ path: 'admin.oidc', message: 'must have a keySetFile with public keys' }] })
}
