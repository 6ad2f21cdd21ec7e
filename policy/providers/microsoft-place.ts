import type { Provider } from '../operation.ts'

/** Whose storage a Microsoft request writes to, as far as host and path tell. */
export interface Place {
  readonly provider: Provider
  readonly tenantHint?: string | undefined
}

const SHAREPOINT = /^(.+)\.sharepoint(?:\.com|\.us|\.cn|-mil\.us|-df\.com)$/

/** Graph, in its national clouds: one host for all tenants, consumer and business. */
export const GRAPH_HOSTS: ReadonlySet<string> = new Set([
  'graph.microsoft.com', 'graph.microsoft.us', 'dod-graph.microsoft.us', 'microsoftgraph.chinacloudapi.cn',
])

/** The place that a host is. `contoso-my` is the OneDrive, `contoso-admin` the administration of `contoso`. */
export function placeOfHost(host: string): Place {
  if (GRAPH_HOSTS.has(host)) return { provider: 'onedrive' }
  const label = SHAREPOINT.exec(host)?.[1]
  if (label === undefined) return { provider: 'onedrive', tenantHint: 'personal' }
  const provider = label.endsWith('-my') || label.endsWith('-myfiles') ? 'onedrive' : 'sharepoint'
  // Deeper names are no tenant's.
  return label.includes('.') ? { provider } : { provider, tenantHint: label.replace(/-(?:my|admin)$/, '') }
}

export function isSharePoint(host: string): boolean {
  return SHAREPOINT.test(host)
}

/**
 * The place that a path on Graph addresses (`path` without the version): `/sites/contoso.sharepoint.com,{guid},{guid}/…`
 * names its tenant's host, `/drives/{16 hex digits}` is a consumer's. A `b!` drive tells neither tenant nor kind.
 */
export function placeOfGraphPath(path: string): Place {
  const site = /^\/sites\/([^,:/]{1,255})(?:[,:/]|$)/i.exec(path)?.[1]?.toLowerCase()
  if (site !== undefined) return isSharePoint(site) ? placeOfHost(site) : { provider: 'sharepoint' }
  if (/^\/(?:sites|groups|teams)(?:\/|$)/i.test(path)) return { provider: 'sharepoint' }
  return { provider: 'onedrive', tenantHint: /^(?:\/me)?\/drives?\/[0-9a-f]{16}(?:\/|$)/i.test(path) ? 'personal' : undefined }
}
