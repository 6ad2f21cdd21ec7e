import type { Activity, Step } from '../operation.ts'
import { isReadable, mixedBatch, readBatch, unreadBatch } from './batch.ts'
import { domainsOf } from './domains.ts'
import { readUpload, refineUpload } from './google-upload.ts'
import { member, readJson, textMember } from './json.ts'
import type { Endpoint, HostPattern, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { queryValues } from './query.ts'
import {
  explain, findEndpoint, isEncoded, PEEK_LIMIT, recognition, strictestMethod, unexplained, unexplainedLimit,
} from './reading.ts'
import { bodySize } from './size.ts'
import { matchPath, safeText } from './text.ts'

const hosts: readonly HostPattern[] = [
  { pattern: 'www.googleapis.com', role: 'storage' },
  { pattern: 'content.googleapis.com', role: 'storage' },
  { pattern: 'drive.googleapis.com', role: 'storage' },
  { pattern: 'drive.google.com', role: 'storage' },
  { pattern: 'docs.google.com', role: 'storage' },
  { pattern: 'clients6.google.com', role: 'storage' },
  { pattern: 'drive.usercontent.google.com', role: 'storage' },
  { pattern: 'oauth2.googleapis.com', role: 'sign-in' },
  { pattern: 'accounts.google.com', role: 'sign-in' },
]

const SIGN_IN: ReadonlySet<string> = new Set(hosts.filter(({ role }) => role === 'sign-in').map(({ pattern }) => pattern))

const READ = ['GET', 'HEAD']
const WRITE = ['POST', 'PUT', 'PATCH']
const WIRE = 'rclone and googleapis package, recorded'
const DOC = 'Drive API reference'

/**
 * `v2internal` is the version that the web page speaks. Everything below `/upload/` and `/resumable/upload/` is an
 * upload, read by `google-upload.ts`: size from `Content-Length`, `X-Upload-Content-Length` or `Content-Range`,
 * name from the JSON that comes first in the body.
 */
const endpoints: readonly Endpoint[] = [
  row(WRITE, /^\/batch(?:\/drive\/v[0-9a-z]+)?$/i, 'upload', 'batch', DOC),
  row(READ, /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/export$/i, 'download', 'single', WIRE),
  row(['GET', 'POST'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/download$/i, 'download', 'single', DOC),
  row(READ, /^\/(?:u\/\d+\/)?(?:uc|download|open\/download)$/i, 'download', 'single', 'third-party code, may be stale'),
  row(READ, /^\/(?:document|spreadsheets|presentation|drawings)\/(?:u\/\d+\/)?d\/[^/]+\/export(?:\/|$)/i, 'download', 'single',
    'public links', ['docs.google.com']),
  row(WRITE, /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/permissions(?:\/|$)/i, 'share', 'single', WIRE),
  row(['DELETE'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/permissions\//i, 'share', 'single', DOC),
  row(['DELETE'], /^\/drive\/v[0-9a-z]+\//i, 'delete', 'single', WIRE),
  row(['POST'], /^\/drive\/v[0-9a-z]+\/files\/[^/]+\/trash$/i, 'delete', 'single', DOC),
  row(['POST'], /^\/drive\/v[0-9a-z]+\/(?:files\/[^/]+\/watch|changes\/watch|channels\/stop)$/i, 'other', 'single', DOC),
  row(WRITE, /^\/drive\/v[0-9a-z]+\/(?:files|drives|teamdrives)(?:\/|$)/i, 'change', 'single', WIRE),
  row(READ, /^\/drive\/v[0-9a-z]+(?:\/|$)/i, 'list', 'single', WIRE),
  row(['POST'], /^\/(?:document|spreadsheets|presentation|drawings|forms)\/(?:u\/\d+\/)?d\/[^/]+\/save$/i, 'edit', 'single',
    'not verified on the wire', ['docs.google.com']),
  row(['GET', 'POST'], /^\/(?:oauth2\/v\d+\/|o\/oauth2\/)?token(?:info)?$/i, 'token', 'single', WIRE),
  row(['GET', 'POST'], /^\/(?:o\/oauth2\/)?revoke$/i, 'token', 'single', DOC),
  row(READ, /^\/oauth2\/v\d+\/userinfo$/i, 'list', 'single', DOC),
]

function row(
  methods: readonly string[], path: RegExp, activity: Activity, step: Step, source: string, onlyHosts?: readonly string[],
): Endpoint {
  return { methods, path, activity, step, source, ...(onlyHosts === undefined ? {} : { hosts: onlyHosts }) }
}

function readHead(head: RequestHead): Recognition {
  const path = matchPath(head.path)
  if (SIGN_IN.has(head.host)) return signIn(head, path)
  const upload = readUpload(head, path)
  if (upload !== undefined) return explain(head, upload)
  const found = findEndpoint(endpoints, head, path)
  const first = recognition({
    provider: 'google-drive',
    activity: found === undefined ? 'other' : returnsMedia(head, found) ? 'download' : found.activity,
    step: found?.step ?? 'single',
    size: bodySize(head.contentLength),
    peek: found === undefined ? 0 : peekOf(head, found),
  })
  return found?.step === 'batch' ? { ...unreadBatch(head, first), peek: first.peek } : explain(head, first)
}

/** `alt=media` makes a download of what is metadata otherwise. */
function returnsMedia(head: RequestHead, found: Endpoint): boolean {
  return found.activity === 'list' && queryValues(head.query, 'alt').includes('media')
}

/** Metadata can trash a file, and names it; a batch holds other requests. */
function peekOf(head: RequestHead, found: Endpoint): number {
  const tells = found.step === 'batch' || found.activity === 'change'
  return tells && !isEncoded(head) && head.contentLength !== 0 ? PEEK_LIMIT : 0
}

function signIn(head: RequestHead, path: string): Recognition {
  const activity = findEndpoint(endpoints, head, path)?.activity === 'token' ? 'token' : 'login'
  return recognition({ provider: 'google-drive', activity, step: 'single', size: bodySize(head.contentLength) })
}

function refineOne(head: RequestHead, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head)
  if (first.peek === 0) return first
  const { activity, step } = first.operation
  if (step === 'batch') {
    const entries = isReadable(head, complete) ? mixedBatch(head, body) : undefined
    return readBatch(head, { ...first, peek: 0 }, entries, inner => strictestMethod(inner, readHead))
  }
  return activity === 'upload' ? refineUpload(head, first, body, complete) : refineMetadata(head, first, body, complete)
}

/** rclone deletes by `{"trashed": true}`; version 2 has it under `labels`. */
function refineMetadata(head: RequestHead, first: Recognition, body: Buffer, complete: boolean): Recognition {
  const value = complete ? readJson(body.toString('utf8')) : undefined
  if (value === undefined) {
    const bytes = head.contentLength ?? body.length
    if (bytes <= unexplainedLimit(head)) return { ...first, peek: 0 }
    return unexplained(first, { bytes, is: complete ? 'exact' : 'at-least' })
  }
  const trashed = member(value, 'trashed') === true || member(member(value, 'labels'), 'trashed') === true
  const fileName = safeText(textMember(value, 'name') ?? textMember(value, 'title') ?? '')
  return {
    ...first,
    peek: 0,
    operation: { ...first.operation, activity: trashed ? 'delete' : 'change', ...(fileName === undefined ? {} : { fileName }) },
  }
}

/** Google Drive and the Docs editors: content goes below `/upload/`, all else of the same shape is metadata. */
export const googleDrive: ProviderModule = {
  id: 'google-drive',
  account: 'google',
  hosts,
  domains: domainsOf('google-drive'),
  providerOf: () => 'google-drive',
  recognise: head => strictestMethod(head, readHead),
  refine: (head, _first, body, complete) => strictestMethod(head, one => refineOne(one, body, complete)),
}
