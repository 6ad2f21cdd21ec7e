/** The hosts and requests of the bench: what a client of cloud storage sends. */

/** A service's API: many small requests. */
export const API_HOST = 'graph.microsoft.com'
export const API_PATH = '/v1.0/me/drive'
/** Files of the organisation's own tenant: uploads to it are allowed, by an allowlist that has been looked into. */
export const FILES_HOST = 'contoso-my.sharepoint.com'
export const TENANT = { account: 'microsoft', id: 'contoso' } as const
/** No cloud storage: Sluice does not open its tunnels. */
export const OTHER_HOST = 'www.example.com'
export const AUTHORIZATION = `Bearer ${'eyJ0eXAiOiJKV1QifQ'.repeat(40)}`

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
