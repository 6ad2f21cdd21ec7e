import { makeCatalogue } from './catalogue.ts'
import type { Catalogue } from './catalogue.ts'
import { dropbox } from './dropbox.ts'
import { googleDrive } from './google-drive.ts'
import { microsoft } from './microsoft.ts'

export { permittedDomains } from './domains.ts'
export { explainBody, UNEXPLAINED_LIMIT, unexplainedLimit } from './reading.ts'
export type { Catalogue, CatalogueHost } from './catalogue.ts'

/** Every provider that Sluice recognises. A new one is a file of its own and a line here. */
export const catalogue: Catalogue = makeCatalogue([dropbox, googleDrive, microsoft])
