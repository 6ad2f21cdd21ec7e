import { SluiceError } from '../../policy/errors.ts'
import type { Config } from '../config.ts'

/** Of the tenant restrictions: what is not as it should be, and what does not work at all. */
export interface RestrictionReport {
  readonly notes: readonly string[]
  readonly faults: readonly string[]
}

/** Reads the store, and changes nothing there. */
export async function checkRestrictions({ tenants, intercept, store }: Config): Promise<RestrictionReport> {
  const { restrict } = tenants
  if (Object.keys(restrict).length === 0) return { notes: [], faults: [] }
  const { allowlistNotes, unrestrictedHosts } = await import('../../policy/restriction-notes.ts')
  const { hostsToOpen } = await import('../../policy/restrictions.ts')
  const { loadCatalogue } = await import('../load-catalogue.ts')
  const openable = [...loadCatalogue(intercept.catalogue).catalogue.patterns, ...hostsToOpen(restrict).patterns]
  const faults = intercept.mode === 'none'
    ? ['intercept.mode none: no restriction is applied anywhere.']
    : unrestrictedHosts(restrict, intercept.bypass, openable)
      .map(host => `intercept.bypass ${host}: the restriction is not applied there; take it out.`)
  const { peekTenants } = await import('../../policy/store/peek.ts')
  try {
    const allowlist = await peekTenants(store.url)
    if (allowlist !== null) return { notes: allowlistNotes(restrict, allowlist), faults }
    return { notes: ['There is no store yet, so no allowlist.', ...allowlistNotes(restrict, [])], faults }
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    return { notes: [`The allowlist cannot be read, so it was not checked against the restrictions: ${error.message}`], faults }
  }
}
