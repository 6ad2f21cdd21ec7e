/** What Nextcloud and ownCloud answer behind their scripts, where no file lies: settings, presence, shares, pages. */
import { listed, row } from './endpoints.ts'
import { findEndpoint } from './find-endpoint.ts'
import { explainBrief } from './metadata.ts'
import type { ListedEndpoint, Recognition, RequestHead } from './provider.ts'
import { plainReading } from './reading.ts'
import type { Reading } from './reading.ts'

const SERVER = 'Nextcloud developer manual'
const unproven = { unproven: true }

/**
 * The scripts at the root or in a folder that installers use. Anywhere else they may be folders of a WebDAV server
 * (`/dav/files/ada/index.php/a.txt`), and a PUT there is a file.
 */
const API = /^(?:\/(?:nextcloud|owncloud|cloud))?\/(?:index\.php|ocs\/v[12]\.php)(?=\/)/i
const STATUS = /^(?:\/(?:nextcloud|owncloud|cloud))?\/status\.php$/i

/** Paths begin behind the script. A PUT of any other path stays with the rows of WebDAV. */
const endpoints = [
  row('PUT', '/apps/text/session/**', 'edit', 'single', SERVER, unproven),
  row('PUT', '/apps/notes/**', 'edit', 'single', SERVER, unproven),
  row('PUT', '/apps/files_sharing/api/**', 'share', 'single', SERVER, unproven),
  ...['apps', 'cloud', 'core', 'settings'].map(what => row('PUT PATCH', `/${what}/**`, 'change', 'single', SERVER, unproven)),
  ...['/core/preview', '/s/*/download', '/s/*/download/**', '/s/*/preview', '/apps/*/preview', '/apps/files_sharing/publicpreview/**']
    .map(path => row('GET', path, 'download', 'single', SERVER, unproven)),
  row('GET HEAD', '/**', 'list', 'single', SERVER, unproven),
]

export function listScripts(): readonly ListedEndpoint[] {
  return listed(endpoints)
}

/** Reads what is sent to a script and brings no file; undefined for all else. More than a few words is an upload. */
export function readScript(
  head: RequestHead, path: string, { provider, tenantHint }: Pick<Reading, 'provider' | 'tenantHint'>,
): Recognition | undefined {
  if (!path.includes('.php')) return undefined
  const isRead = head.method === 'GET' || head.method === 'HEAD'
  if (isRead && STATUS.test(path)) return explainBrief(head, plainReading(head, provider, 'list', 'single', tenantHint))
  const script = API.exec(path)?.[0]
  const found = script === undefined ? undefined : findEndpoint(endpoints, head, path.slice(script.length))
  return found === undefined ? undefined : explainBrief(head, plainReading(head, provider, found.activity, 'single', tenantHint))
}
