import { parseChange, parseEntry } from './audit-entry.ts'
import type { Change } from './audit-entry.ts'
import { parseControls } from './controls-record.ts'
import { corrupt } from './corrupt.ts'
import type { Documents } from './documents.ts'
import type { Ledger } from './ledger.ts'
import { parseJson, parseRevision, parseTenant, parseToken, sortTenants } from './records.ts'
import type { Restoration } from './restoration.ts'

/** What is to be done; where the store must have been has been looked at before. */
export type Begun = Omit<Restoration, 'expected'>

/**
 * Puts a restoration in place. Each step does nothing where it is done already, so that a crash is made good by doing all again.
 * Nobody changes anything meanwhile. What could let pass more comes last.
 */
export async function applyRestoration(documents: Documents, { revisions, tenants, tokens, controls, audit, change }: Begun): Promise<void> {
  const of = (subject: string): Change => ({ ...change, subject })
  await commitOnce(documents.tenants, change, (version) => ({ version, change: of('tenants'), tenants }))
  await commitOnce(documents.controls, change, (version) => {
    const higher = Math.max(version, controls.version)
    return { version: higher, change: of('controls'), controls: { ...controls, version: higher } }
  }, controls.version === 0)
  await commitOnce(documents.tokens, change, (version) => ({ version, change: of('tokens'), tokens }))
  await documents.policy.place(revisions)
  if (audit !== null) await documents.audit.replace(audit, `${documents.audit.path}-before-${change.at.replaceAll(/[-:.]/g, '')}`)
  for (;;) {
    const last = await documents.audit.last()
    if (last?.action === change.action && last.at === change.at) return
    await documents.audit.append(last, change, await documents.newest())
  }
}

/** `isNone`: there is nothing to commit where there never was a version. */
async function commitOnce<T extends { readonly version: number; readonly change?: Change | undefined }>(
  ledger: Ledger<T>, change: Change, make: (version: number) => T, isNone = false,
): Promise<void> {
  for (;;) {
    const found = await ledger.read()
    if (found === null && isNone) return
    if (found?.change?.action === change.action && found.change.at === change.at) return
    if (await ledger.commit(make((found?.version ?? 0) + 1))) return
  }
}

export function begunText({ revisions, tenants, tokens, controls, audit, change }: Begun): string {
  return JSON.stringify({ revisions, tenants, tokens, controls, audit, change })
}

/** `store.corrupt` naming `where` for what `begunText` has not made. */
export async function parseBegun(text: string, where: string): Promise<Begun> {
  const value = parseJson(text, where)
  if (typeof value !== 'object' || value === null) throw corrupt(where, 'it is no restoration')
  const { revisions, tenants, tokens, controls, audit, change: made }: Readonly<Record<string, unknown>> = { ...value }
  const change = parseChange(made)
  if (!Array.isArray(revisions) || !Array.isArray(tenants) || !Array.isArray(tokens) || change === undefined) throw corrupt(where, 'it is no restoration')
  return {
    revisions: revisions.map((one) => parseRevision(one, where)),
    tenants: await sortTenants(tenants.map((one) => parseTenant(one, where))),
    tokens: tokens.map((one) => parseToken(one, where)),
    controls: parseControls(controls, where),
    audit: Array.isArray(audit) ? audit.map((one) => parseEntry(one, where)) : null,
    change,
  }
}
