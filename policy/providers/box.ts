import type { Operation } from '../operation.ts'
import { boxIdentifies, boxIdentity, boxQuestion } from './box-identity.ts'
import { boxPlace } from './box-place.ts'
import { row } from './endpoints.ts'
import { member, readJson } from './json.ts'
import type { Endpoint, HostPattern, Learned, ProviderModule, Recognition, RequestHead, StartResponse } from './provider.ts'
import { sessionId } from './reading.ts'
import { tableModule } from './table.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'box.com',      // API, upload, web page, sign-in
  'box.net',      // upload, older name
  'boxcloud.com', // downloads
]

const hosts: readonly HostPattern[] = [
  { pattern: 'api.box.com', role: 'storage' },
  { pattern: 'upload.box.com', role: 'storage' },
  { pattern: 'upload.box.net', role: 'storage' },
  { pattern: 'dav.box.com', role: 'storage' },
  // The web page, its upload hosts (`upload.app.box.com`, `fupload.app.box.com`), and pages of one company.
  { pattern: 'app.box.com', role: 'storage' },
  { pattern: '*.app.box.com', role: 'storage' },
  { pattern: 'ent.box.com', role: 'storage' },
  { pattern: '*.ent.box.com', role: 'storage' },
  { pattern: '*.boxcloud.com', role: 'storage' },
  { pattern: 'account.box.com', role: 'sign-in' },
]

const WIRE = 'rclone, recorded'
const RCLONE = 'rclone, backend/box'
const DOC = 'Box API reference'
const PAGE = 'Box help, "Firewall and allowlist"; not verified on the wire'
const unproven = { unproven: true }

/** `attributes` is JSON and comes before the file, so that its name is known first. */
const CONTENT = { name: [{ form: 'attributes', json: 'name' }, { form: 'file' }, { form: 'filename' }] } as const
const SESSION = { session: { path: 'session' } } as const

/**
 * Paths without `/2.0` (API host) and `/api/2.0` (upload hosts). Size: `Content-Length` (framing included), `file_size`
 * of a session's start, `Content-Range` of its chunks, the sum of its parts at the commit.
 */
const endpoints: readonly Endpoint[] = [
  // A preflight with a body that asks whether name and size would be taken: no content.
  row('OPTIONS', '/**', 'other', 'single', WIRE),
  row('POST PUT', '/files/content', 'upload', 'single', WIRE, CONTENT),
  row('POST PUT', '/files/{id}/content', 'upload', 'single', RCLONE, { ...CONTENT, ...unproven }),
  row('POST', '/files/upload_sessions', 'upload', 'start', WIRE, { size: { json: 'file_size' }, name: { json: 'file_name' } }),
  row('POST', '/files/upload_sessions/{session}/commit', 'upload', 'finish', WIRE, { ...SESSION, size: { json: 'parts[].size' } }),
  row('POST', '/files/{id}/upload_sessions', 'upload', 'start', RCLONE, { size: { json: 'file_size' }, name: { json: 'file_name' }, ...unproven }),
  row('PUT', '/files/upload_sessions/{session}', 'upload', 'chunk', WIRE, SESSION),
  row('GET HEAD', '/files/upload_sessions/{session}/**', 'other', 'status', DOC, { ...SESSION, ...unproven }),
  row('DELETE', '/files/upload_sessions/{session}', 'other', 'cancel', RCLONE, { ...SESSION, ...unproven }),
  row('PUT', '/**', 'upload', 'single', 'WebDAV (RFC 4918), retired', { hosts: ['dav.box.com'], ...unproven }),
  // Pages of file requests and older pages post forms here.
  row('POST', '/upload/**', 'upload', 'single', PAGE, { ...CONTENT, ...unproven }),

  row('POST', '/oauth2/*', 'token', 'single', RCLONE, unproven),
  row('POST', '/api/oauth2/token', 'token', 'single', RCLONE, unproven),
  row('GET POST', '/api/oauth2/authorize', 'login', 'single', DOC, unproven),
  row('GET POST', '/login/**', 'login', 'single', PAGE, unproven),

  row('GET HEAD', '/files/{id}/content', 'download', 'single', WIRE),
  row('GET HEAD', '/files/{id}/thumbnail*', 'download', 'single', DOC, unproven),
  row('POST', '/zip_downloads', 'download', 'single', DOC, unproven),
  row('GET HEAD', '/shared/static/**', 'download', 'single', DOC, unproven),

  row('POST PUT DELETE', '/collaborations', 'share', 'single', DOC, unproven),
  row('POST PUT DELETE', '/collaborations/*', 'share', 'single', DOC, unproven),
  row('POST', '/files/{id}/copy', 'change', 'single', WIRE),
  row('POST', '/folders/{id}/copy', 'change', 'single', RCLONE, unproven),
  row('POST', '/folders', 'change', 'single', WIRE),
  row('POST', '/folders/{id}', 'change', 'single', DOC, unproven),
  row('POST', '/files/{id}', 'change', 'single', DOC, unproven),
  // A shared link is a member of the file: setting it shares.
  row('PUT', '/files/{id}', 'change', 'single', WIRE, { body: 'json' }),
  row('PUT', '/folders/{id}', 'change', 'single', RCLONE, { body: 'json', ...unproven }),
  row('POST PUT', '/files/{id}/metadata/**', 'change', 'single', DOC, unproven),
  row('POST', '/files/{id}/versions/current', 'change', 'single', DOC, unproven),
  row('PUT', '/files/{id}/versions/*', 'change', 'single', DOC, unproven),
  row('PUT', '/files/{id}/watermark', 'change', 'single', DOC, unproven),
  row('PUT', '/folders/{id}/watermark', 'change', 'single', DOC, unproven),
  row('POST PUT', '/tasks/**', 'change', 'single', DOC, unproven),
  row('POST PUT', '/task_assignments/**', 'change', 'single', DOC, unproven),
  row('POST', '/folder_locks', 'change', 'single', DOC, unproven),
  row('POST PUT', '/web_links/**', 'change', 'single', DOC, unproven),
  row('POST', '/file_requests/{id}/copy', 'share', 'single', DOC, unproven),
  row('PUT', '/file_requests/{id}', 'share', 'single', DOC, unproven),
  row('POST', '/metadata_queries/execute_read', 'list', 'single', DOC, unproven),
  row('POST PUT', '/comments/**', 'change', 'single', DOC, unproven),
  row('DELETE', '/**', 'delete', 'single', WIRE),
  row('GET HEAD', '/files/**', 'list', 'single', RCLONE, unproven),
  row('GET HEAD', '/folders/**', 'list', 'single', WIRE),
  row('GET HEAD', '/users/**', 'list', 'single', WIRE),
  row('GET HEAD', '/events/**', 'list', 'single', RCLONE, unproven),
  row('GET HEAD', '/search', 'list', 'single', DOC, unproven),
  ...['collections', 'collaborations', 'comments', 'tasks', 'groups', 'web_links', 'recent_items', 'webhooks', 'zip_downloads']
    .map(what => row('GET HEAD', `/${what}/**`, 'list', 'single', DOC, { hosts: ['api.box.com'], ...unproven })),
  row('GET HEAD', '/shared_items', 'list', 'single', DOC, unproven),
]

function settle(found: Recognition, json: unknown): Recognition {
  const shares = member(json, 'shared_link') !== undefined
  return shares ? { ...found, operation: { ...found.operation, activity: 'share' } } : found
}

function learns({ activity, step }: Operation): 'body' | null {
  return activity === 'upload' && step === 'start' ? 'body' : null
}

/** A start answers with the session's `id`, which the addresses of its parts have in them. */
function learn(_head: RequestHead, _operation: Operation, { body }: StartResponse): Learned | undefined {
  const session = sessionId(member(readJson(body?.toString('utf8') ?? ''), 'id'))
  return session === undefined ? undefined : { session }
}

/**
 * Box: files are posted as forms whose first part names them; large ones go in sessions, each chunk with its range
 * and digest.
 */
export const box: ProviderModule = { ...tableModule({
  id: 'box',
  account: 'box',
  hosts,
  domains,
  base: /^(?:\/api)?\/\d{1,2}\.\d{1,2}(?=\/)/i,
  endpoints,
  settle,
  unlisted: head => (head.method === 'GET' || head.method === 'HEAD') && head.host.endsWith('.boxcloud.com') ? 'download' : 'other',
}), bodiesUnder: new Set(['OPTIONS']), learns, learn, placeOf: boxPlace, identifies: boxIdentifies, identify: boxIdentity, question: boxQuestion }
