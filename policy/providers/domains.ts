/** Domains for which Sluice's authority may sign: a name constraint covers the domain and everything below it. */

export interface PermittedDomain {
  readonly domain: string
  /** Why it is here. */
  readonly reason: string
}

/** Services of the catalogue: a constraint cannot be widened without a new authority. */
const DOMAINS = {
  'dropbox': [
    { domain: 'dropbox.com', reason: 'web pages, older API names, sign-in' },
    { domain: 'dropboxapi.com', reason: 'API and content' },
    { domain: 'dropboxusercontent.com', reason: 'downloads and previews' },
  ],
  'google-drive': [
    { domain: 'www.googleapis.com', reason: 'Drive API and upload' },
    { domain: 'content.googleapis.com', reason: 'API for pages in a frame' },
    { domain: 'drive.googleapis.com', reason: 'API under the name of the service' },
    { domain: 'docs.googleapis.com', reason: 'Docs API: text goes in' },
    { domain: 'sheets.googleapis.com', reason: 'Sheets API: text goes in' },
    { domain: 'slides.googleapis.com', reason: 'Slides API: text goes in' },
    { domain: 'rep.googleapis.com', reason: 'regional API names' },
    { domain: 'oauth2.googleapis.com', reason: 'tokens' },
    { domain: 'drive.google.com', reason: 'web page' },
    { domain: 'docs.google.com', reason: 'editors, picker, import, downloads' },
    { domain: 'sheets.google.com', reason: 'editor' },
    { domain: 'slides.google.com', reason: 'editor' },
    { domain: 'clients6.google.com', reason: 'upload of the web page' },
    { domain: 'drive.usercontent.google.com', reason: 'downloads' },
    { domain: 'accounts.google.com', reason: 'sign-in' },
    { domain: 'googleusercontent.com', reason: 'downloads' },
  ],
  'onedrive': [
    { domain: 'graph.microsoft.com', reason: 'Graph' },
    { domain: 'graph.microsoft.us', reason: 'Graph, US government' },
    { domain: 'dod-graph.microsoft.us', reason: 'Graph, US defence' },
    { domain: 'microsoftgraph.chinacloudapi.cn', reason: 'Graph, China' },
    { domain: 'onedrive.com', reason: 'consumer API and web' },
    { domain: 'onedrive.live.com', reason: 'consumer web page' },
    { domain: 'skyapi.onedrive.live.com', reason: 'consumer web page, older API' },
    { domain: 'storage.live.com', reason: 'consumer sync and WebDAV' },
    { domain: 'docs.live.net', reason: 'consumer WebDAV' },
    { domain: 'microsoftpersonalcontent.com', reason: 'consumer content and upload sessions' },
    { domain: '1drv.com', reason: 'consumer upload sessions and downloads' },
    { domain: '1drv.ms', reason: 'consumer shared links' },
    { domain: 'svc.ms', reason: 'thumbnails, media, anonymous tokens' },
    { domain: 'login.microsoftonline.com', reason: 'sign-in' },
    { domain: 'login.microsoftonline.us', reason: 'sign-in, US government' },
    { domain: 'login.partner.microsoftonline.cn', reason: 'sign-in, China' },
    { domain: 'login.microsoft.com', reason: 'sign-in' },
    { domain: 'login.windows.net', reason: 'sign-in' },
    { domain: 'login.live.com', reason: 'sign-in, consumer' },
  ],
  'sharepoint': [
    { domain: 'sharepoint.com', reason: 'sites, and OneDrive for Business' },
    { domain: 'sharepoint.us', reason: 'US government' },
    { domain: 'sharepoint-mil.us', reason: 'US defence' },
    { domain: 'sharepoint.cn', reason: 'China' },
    { domain: 'sharepoint-df.com', reason: 'early release ring' },
  ],
  'box': [
    { domain: 'box.com', reason: 'API, upload, web page, sign-in' },
    { domain: 'box.net', reason: 'upload, older name' },
    { domain: 'boxcloud.com', reason: 'downloads' },
  ],
  'mega': [
    { domain: 'mega.nz', reason: 'web page and API' },
    { domain: 'mega.io', reason: 'web page' },
    { domain: 'mega.co.nz', reason: 'API and content' },
  ],
  'icloud': [
    { domain: 'icloud.com', reason: 'web page, documents service, sign-in' },
    { domain: 'icloud.com.cn', reason: 'web page, China' },
    { domain: 'icloud-content.com', reason: 'content' },
    { domain: 'icloud-content.com.cn', reason: 'content, China' },
    { domain: 'idmsa.apple.com', reason: 'sign-in' },
  ],
  'wetransfer': [
    { domain: 'wetransfer.com', reason: 'web page and API' },
    { domain: 'wetransfer.net', reason: 'content' },
    { domain: 'we.tl', reason: 'short links' },
  ],
  's3': [
    { domain: 'amazonaws.com', reason: 'buckets of all regions, in host or path' },
    { domain: 'amazonaws.com.cn', reason: 'China' },
  ],
  'azure-blob': [
    { domain: 'blob.core.windows.net', reason: 'storage accounts' },
    { domain: 'dfs.core.windows.net', reason: 'the same accounts, as file system' },
    { domain: 'blob.storage.azure.net', reason: 'storage accounts in DNS zones' },
    { domain: 'dfs.storage.azure.net', reason: 'the same, as file system' },
    { domain: 'blob.core.usgovcloudapi.net', reason: 'US government' },
    { domain: 'dfs.core.usgovcloudapi.net', reason: 'US government, file system' },
    { domain: 'blob.core.chinacloudapi.cn', reason: 'China' },
    { domain: 'dfs.core.chinacloudapi.cn', reason: 'China, file system' },
  ],
  'gcs': [
    { domain: 'storage.googleapis.com', reason: 'buckets' },
    { domain: 'storage.cloud.google.com', reason: 'browser downloads' },
    { domain: 'commondatastorage.googleapis.com', reason: 'older name' },
  ],
} as const satisfies Readonly<Record<string, readonly PermittedDomain[]>>

export type DomainOwner = keyof typeof DOMAINS

/** The domains of one service. */
export function domainsOf(owner: DomainOwner): readonly string[] {
  return DOMAINS[owner].map(({ domain }) => domain)
}

/** Every domain that the authority's name constraint permits, sorted, without one that another covers. */
export function permittedDomains(): string[] {
  const all = new Set<string>(Object.values(DOMAINS).flatMap(list => list.map(({ domain }) => domain)))
  return [...all].filter(domain => !parents(domain).some(parent => all.has(parent))).sort()
}

function parents(domain: string): string[] {
  const labels = domain.split('.')
  return labels.slice(1).map((_, i) => labels.slice(i + 1).join('.'))
}
