import { row } from './endpoints.ts'
import { textMember } from './json.ts'
import type { Endpoint, HostPattern, Recognition } from './provider.ts'
import { tableModule } from './table.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'icloud.com',            // web page, documents service, sign-in
  'icloud.com.cn',         // web page, China
  'icloud-content.com',    // content
  'icloud-content.com.cn', // content, China
  'idmsa.apple.com',       // sign-in
]

/** Only what carries files and photos: mail, notes and the rest of the service are nobody's business. */
const hosts: readonly HostPattern[] = ['com', 'com.cn'].flatMap(end => [
  `p*-docws.icloud.${end}`, `p*-drivews.icloud.${end}`, `p*-contentws.icloud.${end}`,
  `p*-uploadphotosws.icloud.${end}`, `p*-uploadimagews.icloud.${end}`, `*.icloud-content.${end}`,
]).map(pattern => ({ pattern, role: 'storage' }))

const DRIVE = 'rclone, backend/iclouddrive/api/drive.go'
const PHOTOS = 'pyicloud; third-party code, may be stale'
/** No client of this provider was recorded. */
const unproven = true

/**
 * An upload is three requests: `upload/web` declares name and size and is answered with an address, the content goes to
 * that address as a form, and `update/documents` puts it into place. Size: `size`, a text, then `Content-Length`.
 */
const endpoints: readonly Endpoint[] = [
  row('OPTIONS', '/**', 'other', 'single', 'CORS preflight of the web page', { unproven }),
  row('POST', '/ws/{zone}/upload/web', 'upload', 'start', DRIVE, { size: { json: 'size' }, name: { json: 'filename' }, unproven }),
  row('POST', '/ws/{zone}/upload/web/**', 'upload', 'start', DRIVE, { size: { json: 'size' }, name: { json: 'filename' }, unproven }),
  row('POST', '/ws/{zone}/update/documents', 'upload', 'finish', DRIVE,
    { size: { json: 'data.size' }, name: { json: 'path.path' }, body: 'json', unproven }),
  row('POST', '/upload', 'upload', 'single', PHOTOS, { name: { query: 'filename' }, unproven }),
  row('GET HEAD POST', '/ws/{zone}/download/**', 'download', 'single', DRIVE, { unproven }),
  row('GET HEAD POST', '/ws/{zone}/list/**', 'list', 'single', DRIVE, { unproven }),
  row('GET HEAD POST', '/retrieve*/**', 'list', 'single', DRIVE, { unproven }),
  row('GET HEAD', '/v1/item/**', 'list', 'single', DRIVE, { unproven }),
  row('GET HEAD', '/v1/enumerate/**', 'list', 'single', DRIVE, { unproven }),
  row('POST', '/v1/item/copy/**', 'change', 'single', DRIVE, { unproven }),
  row('POST', '/moveItemsToTrash', 'delete', 'single', DRIVE, { unproven }),
  row('POST', '/deleteItems*', 'delete', 'single', DRIVE, { unproven }),
  row('POST', '/createFolders', 'change', 'single', DRIVE, { unproven }),
  row('POST', '/renameItems', 'change', 'single', DRIVE, { unproven }),
  row('POST', '/moveItems', 'change', 'single', DRIVE, { unproven }),
  row('POST', '/putBackItemsFromTrash', 'change', 'single', DRIVE, { unproven }),
  // The address is all that an upload of content has: whatever is sent to these hosts is content.
  row('POST PUT PATCH', '/**', 'upload', 'single', DRIVE,
    { hosts: ['*.icloud-content.com', '*.icloud-content.com.cn'], name: [{ form: 'files' }, { form: 'file' }], unproven }),
  row('GET HEAD', '/**', 'download', 'single', DRIVE, { hosts: ['*.icloud-content.com', '*.icloud-content.com.cn'], unproven }),
]

/** `update/documents` also changes documents that are there; only these commands put content into place. */
function settle(found: Recognition, json: unknown): Recognition {
  const command = textMember(json, 'command')
  const isContent = command === undefined || command === 'add_file' || command === 'modify_file'
  return isContent ? found : { ...found, operation: { ...found.operation, activity: 'change', step: 'single' } }
}

export const icloud = tableModule({
  id: 'icloud', account: 'icloud', hosts, domains, endpoints, settle,
})
