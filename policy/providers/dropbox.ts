import type { Activity, Operation, Size, Step } from '../operation.ts'
import { dropboxIdentifies, dropboxIdentity, dropboxQuestion } from './dropbox-identity.ts'
import { dropboxPlace } from './dropbox-place.ts'
import { formParts, furtherFiles } from './form-data.ts'
import { listMember, member, readJson, textMember } from './json.ts'
import { listed } from './endpoints.ts'
import { explainMetadata } from './metadata.ts'
import { boundaryOf } from './multipart.ts'
import { names } from './names.ts'
import type { Endpoint, HostPattern, Learned, ProviderModule, Recognition, RequestHead, StartResponse } from './provider.ts'
import { queryValue, queryValues } from './query.ts'
import { findEndpoint, isEncoded, mediaType, PEEK_LIMIT, plainReading, recognition, sessionId } from './reading.ts'
import { atLeast, bodySize, byteCount, exactly, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { baseName, headerUtf8, matchPath } from './text.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'dropbox.com',            // web pages, older API names, sign-in
  'dropboxapi.com',         // API and content
  'dropboxusercontent.com', // downloads and previews
]

const hosts: readonly HostPattern[] = [
  { pattern: 'content.dropboxapi.com', role: 'storage' },
  { pattern: 'api.dropboxapi.com', role: 'storage' },
  { pattern: 'notify.dropboxapi.com', role: 'storage' },
  // Older names, which still answer.
  { pattern: 'api.dropbox.com', role: 'storage' },
  { pattern: 'api-content.dropbox.com', role: 'storage' },
  { pattern: 'content.dropbox.com', role: 'storage' },
  // The web pages, and where they send content.
  { pattern: 'www.dropbox.com', role: 'storage' },
  { pattern: 'dropbox.com', role: 'storage' },
  { pattern: 'paper.dropbox.com', role: 'storage' },
  { pattern: 'dl-web.dropbox.com', role: 'storage' },
  { pattern: '*.dropboxusercontent.com', role: 'storage' },
  // The desktop program moves files here in blocks of its own protocol, and trusts Dropbox' own authority only.
  { pattern: 'client.dropbox.com', role: 'pinned' },
  { pattern: 'client*.dropbox.com', role: 'pinned' },
  { pattern: 'block.dropbox.com', role: 'pinned' },
  { pattern: 'block*.dropbox.com', role: 'pinned' },
  { pattern: 'bolt.dropbox.com', role: 'pinned' },
  { pattern: 'd.dropbox.com', role: 'pinned' },
  { pattern: '*.dropbox-dns.com', role: 'pinned' },
]

const WRITE = ['POST', 'PUT', 'PATCH']
const ANY = ['GET', 'POST']
const SDK = 'dropbox npm package, lib/routes.js'
const WIRE = 'rclone and SDK, recorded'
const PUBLIC = 'third-party code, may be stale'
/** The web pages; a file request is answered there without an account. */
const PAGES = ['www.dropbox.com', 'dropbox.com', 'dl-web.dropbox.com']
/** Lists of RPC calls that may be long: files of a batch, people of a share. */
const LISTS: ReadonlySet<string> = new Set(['entries', 'paths', 'members', 'recipients', 'file_ids'])

/** Of blocks by their tokens; the query names the file. */
const COMMIT_BY_TOKEN = /^\/(?:[a-z0-9_]{1,32}\/){0,2}commit_[a-z0-9_]{0,64}by_token$/i

/**
 * Content comes with its arguments in the header `Dropbox-API-Arg` (or the query's `arg`); RPC has them as JSON body.
 * Size: `Content-Length`, plus `cursor.offset` within a session. Name: `path`, `commit.path`, `commit_info.path`.
 */
const endpoints: readonly Endpoint[] = [
  row(WRITE, /^\/2\/files\/(?:alpha\/)?upload$/i, 'upload', 'single', WIRE),
  row(WRITE, /^\/2\/files\/upload_session\/start(?:_batch)?$/i, 'upload', 'start', WIRE),
  row(WRITE, /^\/2\/files\/upload_session\/append(?:_v2|_batch)?$/i, 'upload', 'chunk', WIRE),
  row(WRITE, /^\/2\/files\/upload_session\/finish(?:_batch|_batch_v2)?$/i, 'upload', 'finish', WIRE),
  row(WRITE, /^\/2\/files\/get_temporary_upload_link$/i, 'upload', 'link', WIRE),
  row(WRITE, /^\/apitul\//i, 'upload', 'single', WIRE),
  row(WRITE, /^\/2\/files\/save_url$/i, 'upload', 'copy-in', WIRE),
  // What another account offered by reference comes in without passing here; offering it is sharing.
  row(WRITE, /^\/2\/files\/copy_reference\/save$/i, 'upload', 'copy-in', SDK),
  row(WRITE, /^\/2\/files\/copy_reference\/get$/i, 'share', 'single', SDK),
  row(WRITE, /^\/2\/(?:files\/paper|paper\/docs)\/(?:create|update)$/i, 'upload', 'single', SDK),
  row(WRITE, /^\/1\/files(?:_put)?\//i, 'upload', 'single', 'API v1, retired; ' + PUBLIC),
  row(WRITE, /^\/1\/chunked_upload$/i, 'upload', 'chunk', 'API v1, retired; ' + PUBLIC),
  row(WRITE, /^\/put_block[a-z0-9_]*$/i, 'upload', 'chunk', PUBLIC, PAGES),
  row(WRITE, /^\/drops\/(?:commit|upload)[a-z0-9_]*$/i, 'upload', 'finish', PUBLIC, PAGES),
  row(WRITE, COMMIT_BY_TOKEN, 'upload', 'finish', PUBLIC, PAGES),
  row(WRITE, /^\/(?:u\/\d+\/)?upload$/i, 'upload', 'single', PUBLIC, PAGES),

  row(ANY, /^\/(?:1|2)?\/?oauth2\/token$/i, 'token', 'single', WIRE),
  row(ANY, /^\/2\/auth\/token\/[a-z0-9_/]+$/i, 'token', 'single', SDK),
  row(ANY, /^\/(?:1\/)?oauth2\/authorize$/i, 'login', 'single', SDK),
  row(ANY, /^\/(?:ajax_)?login(?:\/|$)/i, 'login', 'single', PUBLIC, ['www.dropbox.com']),

  row(ANY, /^\/2\/[a-z0-9_/]+\/(?:check_[a-z_]{0,40})?job_status$/i, 'list', 'single', SDK),
  row(ANY, /^\/2\/[a-z0-9_/]+\/check(?:_v2)?$/i, 'list', 'single', SDK),
  row(ANY, /^\/2\/[a-z0-9_/]+_check(?:_v2)?$/i, 'list', 'single', SDK),
  row(ANY, /^\/2\/files\/(?:download|export|get_preview|get_thumbnail)/i, 'download', 'single', WIRE),
  row(ANY, /^\/2\/files\/get_temporary_link$/i, 'download', 'single', WIRE),
  row(ANY, /^\/2\/paper\/docs\/download$/i, 'download', 'single', SDK),
  row(['POST'], /^\/2\/paper\/docs\/(?:sharing_policy\/set|users\/(?:add|remove))$/i, 'share', 'single', SDK),
  row(ANY, /^\/2\/paper\/docs\/(?:users|folder_users)\/list/i, 'list', 'single', SDK),
  row(ANY, /^\/2\/(?:team_log\/get_events|cloud_docs\/get_metadata)/i, 'list', 'single', SDK),
  row(ANY, /^\/2\/sharing\/get_shared_link_file$/i, 'download', 'single', SDK),
  row(ANY, /^\/2\/(?:files|paper\/docs)\/(?:permanently_)?delete/i, 'delete', 'single', WIRE),
  row(ANY, /^\/2\/(?:files|sharing|users|team)\/(?:[a-z0-9_]+\/)?(?:list|get|search|count)/i, 'list', 'single', WIRE),
  row(ANY, /^\/2\/(?:paper|file_requests|file_properties)\/(?:[a-z0-9_]+\/)?(?:list|get|search|count)/i, 'list', 'single', SDK),
  row(ANY, /^\/2\/users\/features\/get_values$/i, 'list', 'single', SDK),
  row(['POST'], /^\/2\/(?:sharing|file_requests)\//i, 'share', 'single', WIRE),
  row(['POST'], /^\/2\/files\/(?:copy|move|create_folder|restore|lock|unlock|tags|properties)/i, 'change', 'single', WIRE),
  row(['POST'], /^\/2\/(?:paper|file_properties)\/(?:docs|folders|properties|templates)/i, 'change', 'single', SDK),
]

function row(
  methods: readonly string[], path: RegExp, activity: Activity, step: Step, source: string, onlyHosts?: readonly string[],
): Endpoint {
  return { methods, path, activity, step, source, unproven: source !== WIRE, ...(onlyHosts === undefined ? {} : { hosts: onlyHosts }) }
}

function readHead(head: RequestHead, path: string): Recognition {
  const found = findEndpoint(endpoints, head, path)
  if (found === undefined) return unlisted(head)
  const { activity, step } = found
  if (activity !== 'upload') return plainReading(head, 'dropbox', activity, step)
  // What a temporary link takes was named when it was made.
  const link = linkId(path)
  const arg = link === undefined ? argument(head) : undefined
  if (isRpc(step, path) || (arg === undefined && boundaryOf(head.headers.get('content-type')) !== undefined)) {
    const size = step === 'single' ? bodySize(head.contentLength) : UNKNOWN
    return recognition({ provider: 'dropbox', activity, step, size, peek: isEncoded(head) || head.contentLength === 0 ? 0 : PEEK_LIMIT })
  }
  const entries = listMember(arg, 'entries')
  if (entries !== undefined) return readAppended(head, step, entries)
  const cursor = member(arg, 'cursor') ?? arg
  const offset = step === 'chunk' || step === 'finish' ? byteCount(member(cursor, 'offset')) ?? 0 : undefined
  return recognition({
    provider: 'dropbox', activity, step,
    size: contentSize(step, offset ?? 0, head, member(arg, 'close') === true),
    offset,
    session: link ?? sessionId(member(cursor, 'session_id')),
    // A start or a part names nothing: only the commit does.
    fileName: step === 'start' || step === 'chunk' ? undefined : nameIn(arg) ?? queryName(head, path),
    moreNames: step !== 'start' && step !== 'chunk' && isArgumentDoubtful(head, arg) ? true : undefined,
    contentType: mediaType(head.headers.get('content-type')),
  })
}

/** Calls whose arguments are the body; `append_batch` is content, with its arguments in the header. */
function isRpc(step: Step, path: string): boolean {
  if (step === 'single' || step === 'chunk') return false
  return step === 'link' || step === 'copy-in' || /\/(?:start|finish)_batch(?:_v2)?$/i.test(path.slice(-'/finish_batch_v2'.length))
}

/** `append_batch`: parts of several sessions, one behind the other. Of one session alone, the offset counts too. */
function readAppended(head: RequestHead, step: Step, entries: readonly unknown[]): Recognition {
  const cursor = entries.length === 1 ? member(entries[0], 'cursor') : undefined
  const offset = byteCount(member(cursor, 'offset')) ?? 0
  const lengths = entries.reduce<number>((sum, entry) => sum + (byteCount(member(entry, 'length')) ?? 0), 0)
  const bytes = offset + Math.max(lengths, head.contentLength ?? 0)
  return recognition({
    provider: 'dropbox', activity: 'upload', step, offset,
    size: atLeast(Math.min(bytes, Number.MAX_SAFE_INTEGER)),
    session: sessionId(member(cursor, 'session_id')),
    contentType: mediaType(head.headers.get('content-type')),
  })
}

/** Pages and downloads that are addressed by the file itself. */
function unlisted(head: RequestHead): Recognition {
  const fetches = (head.method === 'GET' || head.method === 'HEAD') && head.host.endsWith('.dropboxusercontent.com')
  const activity = fetches ? 'download' : 'other'
  return plainReading(head, 'dropbox', activity)
}

/** The call's arguments: header first, as the API does. Undefined when they cannot be read. */
function argument(head: RequestHead): unknown {
  const header = head.headers.get('dropbox-api-arg')
  const text = header === undefined ? queryValue(head.query, 'arg') : headerUtf8(header)
  return text === undefined ? undefined : readJson(text)
}

/** Arguments that cannot be read, or that come in two places: an origin may find another name in them. */
function isArgumentDoubtful(head: RequestHead, arg: unknown): boolean {
  const header = head.headers.get('dropbox-api-arg')
  const query = head.query === '' ? [] : queryValues(head.query, 'arg')
  return arg === undefined ? header !== undefined || query.length > 0 : query.length + (header === undefined ? 0 : 1) > 1
}

function contentSize(step: Step, offset: number, head: RequestHead, closes: boolean): Size {
  // The web page tells a file request's size in its commit, and the size of one block with the block.
  const reported = head.query === '' ? undefined : largestCount(head.query, 'reported_total_size')
  if (reported !== undefined) return exactly(Math.max(reported, head.contentLength ?? 0))
  const block = head.query === '' ? undefined : largestCount(head.query, 'reported_block_size')
  if (block !== undefined) {
    // All but the last of a file's blocks are of one size, so each tells how much the file has at least.
    const before = block * ((largestCount(head.query, 'num_blocks') ?? 1) - 1)
    return atLeast(Math.min(Math.max(block, head.contentLength ?? 0, before), Number.MAX_SAFE_INTEGER))
  }
  if (head.contentLength === null) return atLeast(offset)
  const sofar = offset + head.contentLength
  return step === 'single' || step === 'finish' || closes ? exactly(sofar) : atLeast(sofar)
}

/** A count that the query tells, the largest where it tells several. */
function largestCount(query: string, name: string): number | undefined {
  const counts = queryValues(query, name).flatMap(value => byteCount(value) ?? [])
  return counts.length === 0 ? undefined : Math.max(...counts)
}

/** The file's name in a call's arguments, one of a batch's entries, or the argument of a link. */
function nameIn(arg: unknown): string | undefined {
  const commit = member(arg, 'commit') ?? member(arg, 'commit_info') ?? arg
  const path = textMember(commit, 'path')
  // `id:…` and `ns:…` address a file by number.
  return path === undefined || /^(?:id|rev|ns):/.test(path) && !path.includes('/') ? undefined : baseName(path)
}

function queryName(head: RequestHead, path: string): string | undefined {
  if (/^\/drops\//i.test(path) || COMMIT_BY_TOKEN.test(path)) return baseName(queryValue(head.query, 'name') ?? '')
  return /^\/1\/files/i.test(path) ? baseName(path) : undefined
}

function recogniseOne(head: RequestHead, path: string): Recognition {
  return explainMetadata(head, readHead(head, path), LISTS)
}

/** RPC that commits or fetches files has its arguments in the body, and so have the forms of the pages. */
function refineOne(head: RequestHead, path: string, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head, path)
  if (first.operation.activity !== 'upload') return explainMetadata(head, first, LISTS, { bytes: body, complete })
  if (first.peek === 0) return first
  const settled: Recognition = { ...first, peek: 0 }
  const boundary = boundaryOf(head.headers.get('content-type'))
  const parts = boundary === undefined ? [] : formParts(body, boundary)
  const posted = parts.find(part => part.fileName !== undefined)?.fileName
  const fileName = posted === undefined ? undefined : baseName(posted)
  const further = furtherFiles(parts)
  if (fileName !== undefined) return recognition({ ...first.operation, ...names([fileName, ...further.names], further.isMore), reasons: first.reasons })
  const arg = complete ? readJson(body.toString('utf8')) : undefined
  if (arg === undefined) return first.operation.step === 'start' ? settled : { ...settled, operation: { ...settled.operation, moreNames: true } }
  const entries = listMember(arg, 'entries')
  if (entries === undefined) {
    const named = nameIn(arg)
    return named === undefined ? settled : { ...settled, operation: { ...first.operation, fileName: named } }
  }
  const cursors = entries.map(entry => member(entry, 'cursor') ?? entry)
  const offsets = cursors.map(cursor => byteCount(member(cursor, 'offset')))
  const total = offsets.reduce<number>((sum, offset) => sum + (offset ?? 0), 0)
  const isWhole = first.operation.step === 'finish' && offsets.every(offset => offset !== undefined)
  return recognition({
    ...first.operation,
    size: isWhole && Number.isSafeInteger(total) ? exactly(total) : atLeast(Math.min(total, Number.MAX_SAFE_INTEGER)),
    ...names(entries.map(nameIn)),
    session: cursors.length === 1 ? sessionId(member(cursors[0], 'session_id')) : undefined,
    reasons: first.reasons,
  })
}

/** `/apitul/1/{id}`: the address that a temporary link is, whatever parameters are hung on it. */
function linkId(path: string): string | undefined {
  // Nearly no call has so long a first segment.
  return path.charCodeAt(7) === 0x2f ? sessionId(/^\/apitul\/([^;]+)/i.exec(path)?.[1]) : undefined
}

function learns({ activity, step }: Operation): 'body' | null {
  return activity === 'upload' && (step === 'start' || step === 'link') ? 'body' : null
}

/** A start answers with `session_id`, and may have brought the first bytes; a link with its address. */
function learn(_head: RequestHead, { step }: Operation, { body }: StartResponse): Learned | undefined {
  const answer = readJson(body?.toString('utf8') ?? '')
  const address = URL.parse(textMember(answer, 'link') ?? '')
  const link = address === null ? undefined : linkId(matchPath(address.pathname))
  const session = step === 'link' ? link : sessionId(member(answer, 'session_id'))
  return session === undefined ? undefined : { session, carries: step === 'start' }
}

/**
 * Dropbox: uploads are POSTs whose arguments ride in a header; a session's file gets its name at the finish only,
 * which is an RPC on the API host when clients finish in batches (rclone does so for every file).
 */
export const dropbox: ProviderModule = {
  id: 'dropbox',
  providers: ['dropbox'],
  account: 'dropbox',
  hosts,
  domains,
  fronts: ['*.dropbox.com', '*.dropboxapi.com'],
  endpoints: listed(endpoints),
  providerOf: () => 'dropbox',
  recognise: head => strictest(head, recogniseOne),
  refine: (head, _first, body, complete) => strictest(head, (one, path) => refineOne(one, path, body, complete)),
  learns,
  learn,
  placeOf: dropboxPlace,
  identifies: dropboxIdentifies,
  identify: dropboxIdentity,
  question: dropboxQuestion,
}
