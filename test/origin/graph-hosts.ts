import type { Access } from './access.ts'

const CONSUMER_HOSTS = ['my.microsoftpersonalcontent.com', 'api.onedrive.com', 'onedrive.live.com']
/** Graph's own id and address, https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (`aud`). */
const GRAPH = ['https://graph.microsoft.com', 'https://graph.microsoft.com/', '00000003-0000-0000-c000-000000000000']

/**
 * Whether a host takes a token: Graph those that are for it, an organisation's SharePoint those of its own directory that are
 * for that host, the consumers' hosts those of consumers.
 */
export function isForHost({ isDefault, directory, audience }: Access, host: string): boolean {
  if (isDefault) return true
  const isConsumer = directory.organisation === null
  if (host === 'graph.microsoft.com') return isConsumer || audience !== undefined && GRAPH.includes(audience)
  if (CONSUMER_HOSTS.includes(host)) return isConsumer
  const name = /^([\w-]+?)(?:-my)?\.sharepoint\.com$/.exec(host)?.[1]
  return name === directory.microsoft.sharePoint && audience === `https://${host}`
}
