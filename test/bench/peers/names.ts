/** The hosts and requests of the bench: what a client of cloud storage sends. */

/** A service's API: many small requests. */
export const API_HOST = 'graph.microsoft.com'
export const API_PATH = '/v1.0/me/drive'
/** Files of the organisation's own tenant: uploads to it are allowed, by an allowlist that has been looked into. */
export const FILES_HOST = 'contoso-my.sharepoint.com'
export const TENANT = { account: 'microsoft', id: 'contoso', directory: '72f988bf-86f1-41af-91ab-2d7cd011db47' } as const
/** No cloud storage: Sluice does not open its tunnels. */
export const OTHER_HOST = 'www.example.com'

/** As long as those of Entra, of the own tenant, and signed by nobody. */
export const AUTHORIZATION = `Bearer ${[
  { typ: 'JWT', alg: 'RS256', x5t: 'HS23b7Do7TcaU1RoLHwpIq24VYg', kid: 'HS23b7Do7TcaU1RoLHwpIq24VYg' },
  {
    aud: 'https://graph.microsoft.com', iss: `https://sts.windows.net/${TENANT.directory}/`, iat: 1_790_000_000, nbf: 1_790_000_000, exp: 1_890_004_000,
    app_displayname: 'Office', appid: 'd3590ed6-52b3-4102-aeff-aad2292ab01c', name: 'Ada', ipaddr: '192.0.2.17', tid: TENANT.directory,
    scp: 'Files.ReadWrite.All Sites.ReadWrite.All User.Read People.Read Calendars.ReadWrite Mail.ReadWrite profile openid email',
    unique_name: 'ada@contoso.com', upn: 'ada@contoso.com', ver: '1.0', sub: 'y'.repeat(43), oid: '5b3d1f63-9a46-4a0c-8f4e-6f1a2b7cd9e0',
  },
].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.${'s'.repeat(342)}`

/** Whom nobody has asked for yet. */
export function newHost(n: number): string {
  return `tenant${n}.sharepoint.com`
}

/** The path of a file of that size. */
export function filePath(bytes: number, stream: number): string {
  return `/personal/ada/Documents/plans-${stream}-${bytes}.bin`
}

export function bytesOf(path: string): number {
  return Number(/-(\d+)\.bin$/.exec(path)?.[1] ?? 0)
}
