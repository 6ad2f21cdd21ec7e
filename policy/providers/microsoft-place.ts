import type { Provider } from '../operation.ts'
import { HOSTS, remember } from '../memo.ts'
import { printableName } from './text.ts'

/** Whose storage a Microsoft request writes to, as far as host and path tell. */
export interface Place {
  readonly provider: Provider
  readonly tenantHint?: string | undefined
}

const SHAREPOINT = ['.sharepoint.com', '.sharepoint.us', '.sharepoint.cn', '.sharepoint-mil.us', '.sharepoint-df.com'] as const

/** Graph, in its national clouds: one host for all tenants, consumer and business. */
export const GRAPH_HOSTS: ReadonlySet<string> = new Set([
  'graph.microsoft.com', 'graph.microsoft.us', 'dod-graph.microsoft.us', 'microsoftgraph.chinacloudapi.cn',
])

const ONEDRIVE: Place = { provider: 'onedrive', tenantHint: undefined }
const PERSONAL: Place = { provider: 'onedrive', tenantHint: 'personal' }
const SITES: Place = { provider: 'sharepoint', tenantHint: undefined }

/** The place that a host is. `contoso-my` is the OneDrive, `contoso-admin` the administration of `contoso`. */
export const placeOfHost = remember((host): Place => {
  if (GRAPH_HOSTS.has(host)) return ONEDRIVE
  const label = sharePointLabel(host)
  if (label === undefined) return PERSONAL
  const isMy = label.endsWith('-my')
  const provider = isMy || label.endsWith('-myfiles') ? 'onedrive' : 'sharepoint'
  // Deeper names are no tenant's.
  if (label.includes('.')) return { provider, tenantHint: undefined }
  const ending = isMy ? '-my' : label.endsWith('-admin') ? '-admin' : ''
  // `-my` alone is nobody's, and stays a name that no tenant has.
  return { provider, tenantHint: label === ending ? label : label.slice(0, label.length - ending.length) }
}, HOSTS)

export const isSharePoint = remember(host => sharePointLabel(host) !== undefined, HOSTS)

/** What stands before the domain: `contoso-my` of `contoso-my.sharepoint.com`. */
function sharePointLabel(host: string): string | undefined {
  for (const domain of SHAREPOINT) {
    if (host.endsWith(domain)) return host.length === domain.length ? undefined : host.slice(0, -domain.length)
  }
  return undefined
}

/** What the first segment of a path to a site begins with (`sites`, `groups`, `teams`). */
const SITE_LETTERS = 'sgtSGT'
const LINE_END = /[\n\r\u2028\u2029]/

/**
 * The place that a path on Graph addresses (`path` without the version): `/sites/contoso.sharepoint.com,{guid},{guid}/…`
 * names its tenant's host, `/drives/{16 hex digits}` is a consumer's. A `b!` drive tells neither tenant nor kind.
 */
export function placeOfGraphPath(path: string): Place {
  if (SITE_LETTERS.includes(path.charAt(1))) {
    const site = /^\/sites\/([^,:/]{1,255})(?:[,:/]|$)/i.exec(path)?.[1]?.toLowerCase()
    if (site !== undefined) return isSharePoint(site) && !LINE_END.test(site) ? placeOfHost(printableName(site)) : SITES
    if (/^\/(?:sites|groups|teams)(?:\/|$)/i.test(path)) return SITES
  }
  return isConsumerDrive(path) ? PERSONAL : ONEDRIVE
}

/** Most drives are named by longer ids, `b!…`, which one character tells. */
function isConsumerDrive(path: string): boolean {
  if (path.charCodeAt('/drives/b'.length) === 0x21) return false
  return /^(?:\/me)?\/drives?\/[0-9a-f]{16}(?:\/|$)/i.test(path)
}
