import type { Access } from './access.ts'
import type { Site } from './accounts.ts'
import { reaches, siteNamed } from './graph-drives.ts'
import type { Drive } from './graph-drives.ts'
import { driveResource } from './graph-resources.ts'
import type { JsonObject } from './json.ts'
import { Refusal } from './refusal.ts'
import { userName } from './signed-tokens.ts'

const SITE = /^\/sites\/([^/:]+(?::\/[^:]+?)?):?(\/drives)?$/

/**
 * What Graph answers of the person, the organisation, their drives and sites (`path` without the version). undefined: it
 * is none of these questions. Throws where they are not the account's to see.
 */
export function directoryAnswer(drives: ReadonlyMap<string, Drive>, path: string, access: Access): JsonObject | undefined {
  const { account, directory } = access
  if (path === '/me') {
    const name = userName(account, directory)
    return { id: account.microsoft.object, displayName: account.person, userPrincipalName: name, mail: account.microsoft.email }
  }
  if (path === '/organization') return organisation(access)
  if (path === '/me/drives') {
    const own = [...drives.values()].filter(({ id }) => account === directory && id === account.microsoft.drive)
    return { value: own.map(driveResource) }
  }
  const found = SITE.exec(path)
  const site = found === null ? undefined : siteNamed(access, decodeURIComponent(found[1] ?? ''))
  const drive = site === undefined ? undefined : drives.get(site.drive.toLowerCase())
  if (site === undefined || drive === undefined) return undefined
  if (!reaches(access, drive)) throw new Refusal(403, 'accessDenied', 'Access denied')
  return found?.[2] === undefined ? siteResource(site) : { value: [driveResource(drive)] }
}

/** https://learn.microsoft.com/graph/api/organization-list; consumers have none. */
function organisation({ directory: { organisation, microsoft } }: Access): JsonObject {
  if (organisation === null) throw new Refusal(400, 'BadRequest', 'This API is not supported for MSA accounts')
  const domain = (name: string, isDefault: boolean): JsonObject =>
    ({ name, isDefault, isInitial: !isDefault, type: 'Managed', capabilities: 'Email, OfficeCommunicationsOnline' })
  const verifiedDomains = [domain(`${microsoft.sharePoint ?? ''}.onmicrosoft.com`, false), domain(organisation.domain, true)]
  return { value: [{ id: microsoft.directory, displayName: organisation.name, verifiedDomains }] }
}

function siteResource({ id, host, path }: Site): JsonObject {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return { id, name, displayName: name, webUrl: `https://${host}${path}`, siteCollection: { hostname: host } }
}
