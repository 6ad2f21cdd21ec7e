import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { SluiceError } from '../errors.ts'
import type { Account, Tenant } from '../operation.ts'
import type { Store } from '../store/store.ts'
import { matches, readTags, stale } from './preconditions.ts'

/** How often a change is made anew when other tenants are changed at the same time. */
const ATTEMPTS = 20

export interface Place {
  readonly account: Account
  readonly id: string
}

/** A strong tag of what is stored of a tenant. */
export function tenantTag({ account, id, name, aliases }: Tenant): string {
  return `"${hash('sha256', JSON.stringify([account, id, name, aliases]), 'hex').slice(0, 32)}"`
}

/**
 * Makes a change of one tenant; where the request names ETags, only of the tenant as its author has seen it: between the look and
 * the change nothing can come. `change` resolves false where the allowlist is not at the version given. Resolves false only where
 * the request names none, and `change` did. Throws `tenant.stale` (412) where the tenant is another.
 */
export async function changeTenant(
  store: Pick<Store, 'load'>, request: FastifyRequest, { account, id }: Place, change: (version?: number) => Promise<boolean>,
): Promise<boolean> {
  const seen = readTags(request, 'If-Match')
  const unseen = readTags(request, 'If-None-Match')
  if (seen === null && unseen === null) return change()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { tenants, tenantsVersion } = await store.load()
    const there = tenants.find((tenant) => tenant.account === account && tenant.id === id.toLowerCase())
    const etag = there === undefined ? undefined : tenantTag(there)
    if (seen !== null && (etag === undefined || !matches(seen, etag))) throw stale('tenant.stale', `The tenant ${id}`)
    if (unseen !== null && etag !== undefined && matches(unseen, etag)) {
      throw new SluiceError('tenant.stale', `The tenant ${id} is there already.`, 'Read it, and send the change with If-Match.',
        { faults: [{ path: 'If-None-Match', message: 'names what is there' }] })
    }
    if (await change(tenantsVersion)) return true
  }
  throw new SluiceError('store.locked', 'The tenants are being changed by others all the time.', 'Try again.')
}
