import { resolve } from 'node:path'
import type { Tenant } from '../operation.ts'
import { SluiceError } from '../errors.ts'
import { errnoOf } from './files.ts'
import { openStore } from './open.ts'
import { tenantsLedger } from './tenants-ledger.ts'

/**
 * The allowlist of a store, read without changing anything there: no directory is made and nothing is put right. Null
 * where there is no embedded store yet. Rejects with `store.unreachable`, `store.corrupt` or `store.invalid-url`.
 */
export async function peekTenants(url: string): Promise<readonly Tenant[] | null> {
  const dir = /^embedded:(.+)$/i.exec(url)?.[1]
  if (dir !== undefined) return readDirectory(resolve(dir))
  const store = await openStore(url, { isLook: true })
  try {
    return (await store.load()).tenants
  } finally {
    await store.close()
  }
}

async function readDirectory(dir: string): Promise<readonly Tenant[] | null> {
  try {
    return (await tenantsLedger(dir, () => undefined).read())?.tenants ?? []
  } catch (error) {
    if (error instanceof SluiceError) throw error
    const why = errnoOf(error)
    if (why === 'ENOENT') return null
    throw new SluiceError('store.unreachable', `The store's directory ${dir} cannot be read: ${why ?? 'unknown error'}`,
      'Run this as a user who may read it', { cause: error })
  }
}
