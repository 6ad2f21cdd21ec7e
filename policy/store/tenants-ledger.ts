import { Ledger } from './ledger.ts'
import type { Log } from './log.ts'
import { parseTenantsFile, tenantsFileBytes } from './records.ts'
import type { TenantsFile } from './records.ts'

/** Old allowlists that stay beside the current one, for whoever has to undo a slip. */
const KEEP = 8

/** The allowlist of an embedded store in `dir`. */
export function tenantsLedger(dir: string, log: Log): Ledger<TenantsFile> {
  return new Ledger<TenantsFile>(dir, {
    current: 'tenants.json', versions: 'tenants', keep: KEEP, parse: parseTenantsFile, bytesOf: tenantsFileBytes,
    versionOf: ({ version }) => version, log,
  })
}
