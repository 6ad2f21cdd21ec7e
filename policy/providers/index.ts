import { azureBlob } from './azure-blob.ts'
import { box } from './box.ts'
import { makeCatalogue } from './catalogue.ts'
import type { Catalogue } from './catalogue.ts'
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

export { permittedDomains } from './domains.ts'
export { explainBody, UNEXPLAINED_LIMIT, unexplainedLimit } from './reading.ts'
export type { Catalogue, CatalogueHost } from './catalogue.ts'

/** Every provider that Sluice recognises by itself. A new one is a file of its own and a line here. */
export const builtin: readonly ProviderModule[] = [
  dropbox, googleDrive, microsoft, box, mega, icloud, wetransfer, s3, azureBlob, gcs, webdav,
]

/** The built-in providers; `proxy/load-catalogue.ts` adds the declared ones. */
export const catalogue: Catalogue = makeCatalogue(builtin)
