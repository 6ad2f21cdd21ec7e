import { azureBlob } from './azure-blob.ts'
import { box } from './box.ts'
import { makeCatalogue } from './catalogue.ts'
import type { Catalogue } from './catalogue.ts'
import { widest } from './domains.ts'
import { dropbox } from './dropbox.ts'
import { gcs } from './gcs.ts'
import { googleDrive } from './google-drive.ts'
import { icloud } from './icloud.ts'
import { mega } from './mega.ts'
import { microsoft } from './microsoft.ts'
import type { ProviderModule } from './provider.ts'
import { s3 } from './s3.ts'
import { webdav } from './webdav.ts'
import { wetransfer } from './wetransfer.ts'

export { explainBody, isBodyOdd, isEncoded, readOddBody, UNEXPLAINED_LIMIT, unexplainedLimit } from './reading.ts'
export type { Catalogue, CatalogueHost } from './catalogue.ts'

/** What those providers are called; `policy/operation.ts` makes its vocabulary of it. */
export const PROVIDERS = [
  'dropbox', 'google-drive', 'onedrive', 'sharepoint',
  'box', 'mega', 'icloud', 'wetransfer', 's3', 'azure-blob', 'gcs', 'webdav',
] as const
export type Builtin = (typeof PROVIDERS)[number]

/** Their account systems; `custom` is a declared provider's own. Those of the last line have no provider: only `tenants.restrict` knows them. */
export const ACCOUNTS = [
  'dropbox', 'google', 'microsoft', 'box', 'mega', 'icloud', 'wetransfer', 'aws', 'azure', 'gcp', 'webdav', 'custom',
  'slack', 'github', 'webex', 'asana', 'chatgpt', 'claude',
] as const
export type Account = (typeof ACCOUNTS)[number]

/** Every provider that Sluice recognises by itself. A new one is a file of its own, and in this file its module and its name. */
export const builtin: readonly ProviderModule[] = [
  dropbox, googleDrive, microsoft, box, mega, icloud, wetransfer, s3, azureBlob, gcs, webdav,
]

/** The built-in providers; `proxy/load-catalogue.ts` adds the declared ones. */
export const catalogue: Catalogue = makeCatalogue(builtin)

/** Every domain that the authority's name constraint permits, sorted, without one that another covers. */
export function permittedDomains(): string[] {
  return widest(builtin.flatMap(({ domains }) => domains))
}
