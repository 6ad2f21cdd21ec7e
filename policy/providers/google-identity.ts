import type { Operation } from '../operation.ts'
import { domainIn } from './domain-name.ts'
import { isObject, listMember, member, textMember } from './json.ts'
import type { JsonObject } from './json.ts'
import { answerOf, hasOnly, plainPath } from './plain-request.ts'
import type { Identity, RequestHead, StartResponse, WrittenPlace } from './provider.ts'
import { queryValues } from './query.ts'
import { claimsIn, issuedIn } from './token-answer.ts'

/** Host and path of the token endpoints (Google Identity, OpenID Connect discovery document; older names of the same). */
const TOKEN: ReadonlySet<string> = new Set([
  'oauth2.googleapis.com/token', 'www.googleapis.com/oauth2/v4/token', 'www.googleapis.com/oauth2/v3/token',
  'accounts.google.com/o/oauth2/token',
])
const ISSUERS: ReadonlySet<unknown> = new Set(['https://accounts.google.com', 'accounts.google.com'])
const API_HOSTS: ReadonlySet<string> = new Set(['www.googleapis.com', 'content.googleapis.com', 'drive.googleapis.com'])
const ABOUT = /^\/drive\/v[23]\/about$/
const FILES = /^\/(?:upload\/)?drive\/v[23]\/files(?:\/([\w-]{1,128}))?$/

/** None of these makes anything but metadata of the answer (`alt=media` would), or names a credential. */
const QUERY: ReadonlySet<string> = new Set([
  'fields', 'alt', 'prettyPrint', 'quotaUser', 'key', 'q', 'spaces', 'corpora', 'corpus', 'orderBy', 'pageSize', 'maxResults', 'pageToken',
  'supportsAllDrives', 'supportsTeamDrives', 'includeItemsFromAllDrives', 'includeTeamDriveItems', 'driveId', 'teamDriveId',
  'includeLabels', 'includePermissionsForView', 'uploadType', 'upload_id', 'keepRevisionForever', 'useContentAsIndexableText',
  'ignoreDefaultVisibility', 'enforceSingleParent', 'ocrLanguage', 'convert',
])

/** Seconds that an access token lives ("expires_in", 3,599 in every answer). */
const TOKEN_LIFE = 3600
/** Places learned from one answer, at most. */
const MOST_PLACES = 1000
const FOLDER = 'application/vnd.google-apps.folder'
const CONSUMER_DOMAINS: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com'])

export function googleIdentifies(head: RequestHead, _operation: Operation): boolean {
  const { method, host, path } = head
  if (method === 'POST' && TOKEN.has(host + path)) return head.query === '' && plainPath(head) !== undefined
  if (!API_HOSTS.has(host) || (method !== 'GET' && method !== 'POST' && method !== 'PUT')) return false
  const isAbout = method === 'GET' && ABOUT.test(path)
  return (isAbout || isFiles(method, path)) && isMetadata(head.query) && plainPath(head) !== undefined
}

/** Reading below `/drive/`, creating, and the end of an upload. */
function isFiles(method: string, path: string): boolean {
  const found = FILES.exec(path)
  if (found === null) return false
  const isUpload = path.startsWith('/upload/')
  return method === 'GET' ? !isUpload : isUpload || (method === 'POST' && found[1] === undefined)
}

function isMetadata(query: string): boolean {
  return hasOnly(query, QUERY) && queryValues(query, 'alt').every(alt => alt === 'json')
}

/**
 * What Google's answers tell: the `id_token` of a token answer names the Workspace domain (`hd`); `about` the person's
 * address, which anybody could have; files what they lie in. `written`: where the request wrote, for what it created.
 */
export function googleIdentity(head: RequestHead, response: StartResponse, written?: WrittenPlace): readonly Identity[] {
  const answer = answerOf(response)
  if (!isObject(answer)) return []
  if (TOKEN.has(head.host + head.path)) return token(answer)
  if (ABOUT.test(head.path)) return about(answer)
  const id = FILES.exec(head.path)?.[1]
  if (head.method === 'GET' && id === 'root') return root(answer)
  if (isCreation(head, id)) return created(answer, written)
  return within([answer, ...listMember(answer, 'files') ?? [], ...listMember(answer, 'items') ?? []])
}

/**
 * `hd`: "The absence of this claim indicates that the account does not belong to a Google hosted domain" (Google
 * Identity, OpenID Connect). The token endpoint itself said so over TLS, which stands for the signature (OpenID Connect Core
 * 1.0 §3.1.3.7, point 6). Service accounts are of no such domain, and say nothing.
 */
function token(answer: JsonObject): readonly Identity[] {
  const issued = issuedIn(answer, TOKEN_LIFE)
  const claims = claimsIn(textMember(answer, 'id_token'))
  if (issued === undefined || claims === undefined || !ISSUERS.has(member(claims, 'iss'))) return []
  if (textMember(claims, 'email')?.toLowerCase().endsWith('.gserviceaccount.com') === true) return []
  const domain = member(claims, 'hd') === undefined ? 'personal' : domainIn(member(claims, 'hd'))
  return domain === undefined ? [] : [{ issued, tenants: [domain], mayAllow: true }]
}

/** An account may have an address of any domain, so it denies only. Version 2 also names the account's root. */
function about(answer: JsonObject): readonly Identity[] {
  const address = textMember(member(answer, 'user'), 'emailAddress')
  const domain = domainIn(address?.slice(address.lastIndexOf('@') + 1))
  const owner: Identity[] = domain === undefined ? [] : [{ tenants: [CONSUMER_DOMAINS.has(domain) ? 'personal' : domain], mayAllow: false }]
  return [...owner, ...ownPlace(member(answer, 'rootFolderId'))]
}

function root(answer: JsonObject): readonly Identity[] {
  return isForeign(answer) ? [] : ownPlace(member(answer, 'id'))
}

function ownPlace(id: unknown): readonly Identity[] {
  const place = placeId(id)
  return place === undefined ? [] : [{ places: [place], mayAllow: true }]
}

/** A part of a session may belong to the update of a file that was there before. */
function isCreation({ method, query }: RequestHead, id: string | undefined): boolean {
  return method === 'POST' && id === undefined && queryValues(query, 'upload_id').length === 0
}

/**
 * What a request creates is its account's own, unless it was put into a shared drive. In a folder that others share it is
 * still its maker's ("Manage file ownership", Drive API).
 */
function created(answer: JsonObject, written: WrittenPlace | undefined): readonly Identity[] {
  const place = placeId(member(answer, 'id'))
  if (place === undefined || isForeign(answer)) return []
  if (member(answer, 'parents') !== undefined) {
    const parent = parentOf(answer)
    return parent === undefined ? [] : [{ within: parent, isMakers: true, places: [place], mayAllow: true }]
  }
  if (written?.is === 'own') return [{ places: [place], mayAllow: true }]
  return written?.is === 'named' && written.ids.length === 1 && written.ids[0] !== undefined
    ? [{ within: written.ids[0], isMakers: true, places: [place], mayAllow: true }] : []
}

/**
 * Files and folders within their parents. Whoever may share a folder may put it into their own (Drive API, "Single-parenting
 * behavior changes"), which leaves its owner as it was, and the client chooses which fields it is told: without the word that
 * they are the account's own, parents may deny but never allow.
 */
function within(items: readonly unknown[]): readonly Identity[] {
  const groups = new Map<string, { within: string; isMakers?: true; places: string[]; mayAllow: boolean }>()
  for (const item of items.slice(0, MOST_PLACES)) {
    const place = placeId(member(item, 'id'))
    const parent = parentOf(item)
    if (place === undefined || parent === undefined || place === parent || isForeign(item)) continue
    const mayAllow = isOwn(item)
    // Of places that can only deny, folders are worth to be kept.
    if (!mayAllow && member(item, 'mimeType') !== FOLDER) continue
    const key = `${mayAllow} ${parent}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { within: parent, ...(mayAllow && { isMakers: true }), places: [place], mayAllow })
    else group.places.push(place)
  }
  return [...groups.values()]
}

function isForeign(item: unknown): boolean {
  return member(item, 'driveId') !== undefined || member(item, 'teamDriveId') !== undefined || member(item, 'ownedByMe') === false
    || ownersOf(item).some(owner => !isMe(owner))
}

function isOwn(item: unknown): boolean {
  const owners = ownersOf(item)
  return member(item, 'ownedByMe') === true || (owners.length > 0 && owners.every(isMe))
}

function ownersOf(item: unknown): readonly unknown[] {
  return listMember(item, 'owners') ?? []
}

/** Version 3 and version 2. */
function isMe(owner: unknown): boolean {
  return member(owner, 'me') === true || member(owner, 'isAuthenticatedUser') === true
}

/** "Every file must have exactly one parent": of what has several, none is followed. */
function parentOf(item: unknown): string | undefined {
  const parents = listMember(item, 'parents')
  const parent = parents?.length === 1 ? parents[0] : undefined
  return placeId(isObject(parent) ? member(parent, 'id') : parent)
}

function placeId(id: unknown): string | undefined {
  return typeof id === 'string' && /^[\w-]{1,128}$/.test(id) && id !== 'root' ? id : undefined
}
