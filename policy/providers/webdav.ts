import type { Account, Provider } from '../operation.ts'
import { findEndpoint, listed, row } from './endpoints.ts'
import { listScripts, readScript } from './nextcloud.ts'
import type { Endpoint, HostPattern, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { explain, mediaType, partId, plainReading, recognition, sessionId } from './reading.ts'
import type { Reading } from './reading.ts'
import { atLeast, bodySize, byteCount, exactly, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { baseName, headerUtf8, percentDecode } from './text.ts'
import { readTus } from './tus.ts'

const WIRE = 'rclone, recorded'
const NEXTCLOUD = 'nextcloudcmd 3.7, tested'
const CADAVER = 'cadaver 0.24, tested'
const DAVFS = 'davfs2 1.6, tested'
const RFC = 'RFC 4918'
const SERVER = 'Nextcloud developer manual'
const unproven = { unproven: true }

/** Nextcloud and ownCloud answer behind these scripts, wherever they are mounted; the paths of the table begin there. */
const SCRIPT = /^(?:\/[^/]{1,255}){0,3}?\/(?:(?:remote|public|index)\.php|ocs\/v\d\.php)(?=\/|$)/i

/** Where they collect the chunks of an upload. */
const UPLOADS = '/dav/uploads/{user}/{session}'
const DAV = '/**'

/**
 * WebDAV, with what Nextcloud, ownCloud and oCIS put beside it. Size: `Content-Length`, and `OC-Total-Length` of an
 * upload in chunks. Name: the path; of chunks, the `Destination` of the `MOVE` that puts them together; of a batch, within.
 */
const endpoints: readonly Endpoint[] = [
  row('OPTIONS', '/**', 'other', 'single', CADAVER),
  row('MKCOL', UPLOADS, 'upload', 'start', NEXTCLOUD),
  row('PUT', `${UPLOADS}/{chunk}`, 'upload', 'chunk', NEXTCLOUD),
  row('MOVE', `${UPLOADS}/{chunk}`, 'upload', 'finish', NEXTCLOUD),
  row('DELETE', UPLOADS, 'other', 'cancel', NEXTCLOUD),
  row('POST', '/dav/bulk', 'upload', 'batch', NEXTCLOUD),
  // Older pages post forms, which may bring several files.
  row('POST', '/apps/files/ajax/upload.php', 'upload', 'batch', SERVER, unproven),
  row('PATCH', '/**', 'upload', 'chunk', 'sabre/dav, "HTTP PATCH support"', unproven),
  row('PUT PATCH', '/dav/calendars/{user}/*/*', 'change', 'single', 'RFC 4791', unproven),
  row('PUT PATCH', '/dav/addressbooks/*/*/*/*', 'change', 'single', 'RFC 6352', unproven),
  row('PUT', DAV, 'upload', 'single', WIRE),

  row('POST PUT DELETE', '/apps/files_sharing/api/v1/**', 'share', 'single', SERVER, unproven),
  row('POST', '/graph/*/drives/{drive}/items/{item}/*', 'share', 'single', 'oCIS, libre-graph', unproven),
  row('POST', '/apps/oauth2/api/v1/token', 'token', 'single', SERVER, unproven),
  row('POST', '/login/**', 'login', 'single', SERVER, unproven),
  row('POST PUT', '/apps/text/session/**', 'edit', 'single', SERVER, unproven),

  row('PROPFIND', DAV, 'list', 'single', WIRE),
  row('REPORT SEARCH', DAV, 'list', 'single', RFC, unproven),
  row('MKCOL MOVE COPY', DAV, 'change', 'single', WIRE),
  row('PROPPATCH LOCK UNLOCK', DAV, 'change', 'single', CADAVER),
  row('MKCALENDAR ACL', DAV, 'change', 'single', RFC, unproven),
  row('DELETE', DAV, 'delete', 'single', WIRE),
  row('HEAD', DAV, 'list', 'single', DAVFS),
  row('GET', DAV, 'download', 'single', WIRE),
]

function readHead(provider: Provider, head: RequestHead, matched: string): Recognition {
  const path = matched.replace(SCRIPT, '')
  // The server is the place written to.
  const place = { provider, tenantHint: head.host } as const
  const tus = readTus(head, path, place)
  if (tus !== undefined) return explain(head, tus)
  const script = readScript(head, matched, place)
  if (script !== undefined) return script
  const found = findEndpoint(endpoints, head, path)
  if (found === undefined || (found.activity !== 'upload' && found.step === 'single')) {
    return explain(head, plainReading(head, provider, found?.activity ?? 'other', 'single', head.host))
  }
  const base: Reading = { ...place, activity: found.activity, step: found.step, size: bodySize(head.contentLength) }
  if (found.activity !== 'upload') return explain(head, recognition({ ...base, session: groupOf(found, path, 'session') }))
  const contentType = mediaType(head.headers.get('content-type'))
  switch (found.step) {
    case 'start':
    case 'finish':
      return recognition({ ...base, size: totalLength(head), session: groupOf(found, path, 'session'), fileName: destination(head) })
    case 'chunk':
      return readChunk(head, path, base, found)
    // Its files are named in the parts of the body.
    case 'batch':
      return recognition({ ...base, moreNames: true })
    default:
      if (head.headers.get('oc-chunked') !== undefined) return readOldChunk(head, path, base)
      // Whatever its type says, a server keeps the body under the path.
      return recognition({ ...base, fileName: baseName(path), contentType })
  }
}

function groupOf(found: Endpoint, path: string, name: string): string | undefined {
  return sessionId(found.path.exec(path)?.groups?.[name])
}

/** The size of the whole upload, where the client tells it (`OC-Total-Length`). */
function totalLength(head: RequestHead, seen = 0): Recognition['operation']['size'] {
  const total = byteCount(head.headers.get('oc-total-length'))
  if (total === undefined) return seen === 0 ? UNKNOWN : atLeast(seen)
  return exactly(Math.max(total, seen))
}

function destination(head: RequestHead): string | undefined {
  const value = head.headers.get('destination')
  const path = value === undefined ? undefined : URL.parse(headerUtf8(value), `https://${head.host}`)?.pathname
  return path === undefined ? undefined : baseName(percentDecode(path))
}

/** A chunk's name is its number, or the range that it is: `000000000010485760-000000000020971519`. */
function readChunk(head: RequestHead, path: string, base: Reading, found: Endpoint): Recognition {
  const chunk = found.path.exec(path)?.groups?.chunk
  const range = /^0{0,8}(\d{1,16})-\d{15,20}$/.exec(chunk ?? '')
  const patched = /^bytes=(\d{1,16})-/i.exec(head.headers.get('x-update-range') ?? '')
  const offset = byteCount(range?.[1] ?? patched?.[1])
  return recognition({
    ...base,
    size: totalLength(head, (offset ?? 0) + (head.contentLength ?? 0)),
    offset,
    part: offset === undefined && chunk !== undefined ? partId([chunk]) : undefined,
    session: groupOf(found, path, 'session'),
    fileName: head.method === 'PATCH' ? baseName(path) : destination(head),
  })
}

/** The first chunking of ownCloud: `{name}-chunking-{session}-{count}-{number}` beside the file's own place. */
function readOldChunk(head: RequestHead, path: string, base: Reading): Recognition {
  const [, name, session, part] = /^(.*)-chunking-(\d{1,20})-\d{1,8}-(\d{1,8})$/.exec(baseName(path) ?? '') ?? []
  return recognition({ ...base, step: 'chunk', size: totalLength(head, head.contentLength ?? 0), session, part, fileName: name ?? baseName(path) })
}

/** WebDAV servers of the network's own choice: their hosts come from `intercept.catalogue` (`like: webdav`). */
export function webdavLike(
  parts: { readonly id: Provider; readonly account: Account; readonly hosts: readonly HostPattern[]; readonly domains: readonly string[] },
): ProviderModule {
  const read = (head: RequestHead, path: string) => readHead(parts.id, head, path)
  return {
    ...parts,
    errorForm: 'webdav',
    providers: [parts.id],
    namesLate: true,
    endpoints: [...listScripts(), ...listed(endpoints)],
    providerOf: () => parts.id,
    keepsCodings: true,
    recognise: head => strictest(head, read),
  }
}

/** As it is built in: rows without hosts. */
export const webdav = webdavLike({ id: 'webdav', account: 'webdav', hosts: [], domains: [] })
