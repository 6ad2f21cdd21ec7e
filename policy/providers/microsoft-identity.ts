import type { Operation } from '../operation.ts'
import { domainIn } from './domain-name.ts'
import { isObject, listMember, member, textMember } from './json.ts'
import type { JsonObject } from './json.ts'
import { GRAPH_HOSTS, isSharePoint, placeOfHost } from './microsoft-place.ts'
import { containerId, driveId } from './microsoft-written-place.ts'
import { answerOf, hasOnly, plainPath } from './plain-request.ts'
import type { Identity, Question, RequestHead, StartResponse } from './provider.ts'
import { bearerIn, claimsIn, issuedIn } from './token-answer.ts'

const PERSONAL = 'personal'
/** The directory in which consumer accounts live (Microsoft identity platform, "ID token claims reference", `tid`). */
const CONSUMER_DIRECTORY = '9188040d-6c67-4c5b-b112-36a304b66dad'
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const SIGN_IN: ReadonlySet<string> = new Set([
  'login.microsoftonline.com', 'login.microsoftonline.us', 'login.partner.microsoftonline.cn', 'login.microsoft.com',
  'login.windows.net',
])
/** One segment before it: what B2C policies answer (`/te/{tenant}/{policy}/…`, `?p=`) has claims that their owner chose. */
const TOKEN = /^\/[\w.-]{1,255}\/oauth2\/(?:v2\.0\/)?token$/i
const TOKEN_QUERY: ReadonlySet<string> = new Set(['client-request-id'])
const LIVE_TOKEN = 'login.live.com/oauth20_token.srf'

/** Where consumer drives have their pages. */
const CONSUMER_HOSTS: ReadonlySet<string> = new Set(['onedrive.live.com', '1drv.ms', 'my.microsoftpersonalcontent.com'])

/** Paths of Graph without their version. */
const DRIVE = /^\/(?:me\/drive|drives\/[^/]+|me\/drive\/root|drives\/[^/]+\/root|(?:users|groups|sites)\/[^/]+\/drive)$/
const DRIVES = /^\/(?:me|(?:users|groups|sites)\/[^/]+)\/drives$/
const SITE = /^\/sites\/[^/]+$/
/** None of these renames a member, as `$compute` and `$apply` of OData would. */
const GRAPH_QUERY: ReadonlySet<string> = new Set([
  '$select', 'select', '$expand', 'expand', '$top', '$orderby', '$filter', '$skiptoken', '$count',
])

/** Seconds that an access token lives where that is not told ("60 to 90 minutes"). */
const TOKEN_LIFE = 3600
/** Drives of one list, at most. */
const MOST_DRIVES = 1000
/** Names of one tenant, at most. */
const MOST_NAMES = 16

/** The drive of the credential's own account tells the SharePoint name; Graph takes no token that it did not verify. */
export const microsoftQuestion: Question = {
  method: 'GET', host: 'graph.microsoft.com', path: '/v1.0/me/drive?$select=id,driveType,webUrl',
}

export function microsoftIdentifies(head: RequestHead, _operation: Operation): boolean {
  if (head.method === 'POST') return isTokenRequest(head)
  if (head.method !== 'GET' || !GRAPH_HOSTS.has(head.host)) return false
  const path = resourceOf(head)
  if (path === undefined || !hasOnly(head.query, GRAPH_QUERY)) return false
  return path === '/me' || path === '/organization' || DRIVE.test(path) || DRIVES.test(path) || SITE.test(path)
}

function isTokenRequest(head: RequestHead): boolean {
  if (head.host + head.path === LIVE_TOKEN) return plainPath(head) !== undefined && head.query === ''
  return SIGN_IN.has(head.host) && TOKEN.test(head.path) && plainPath(head) !== undefined && hasOnly(head.query, TOKEN_QUERY)
}

/** Graph's path without its version, `!` and `,` of ids decoded; undefined where it can be read in several ways. */
function resourceOf(head: RequestHead): string | undefined {
  const path = /^\/(?:v1\.0|beta)(\/.*)$/.exec(plainPath(head) ?? '')?.[1]
  return path === undefined || path.includes(':') || /%3a/i.test(path) ? undefined : path
}

/**
 * Token answers name the directory. Graph answers prove that Graph took the request's token, so what a JWT says of
 * its directory is true; the address (`webUrl`) of a drive or site, which the service sets, names whose that is.
 */
export function microsoftIdentity(head: RequestHead, response: StartResponse): readonly Identity[] {
  const answer = answerOf(response)
  if (!isObject(answer)) return []
  if (head.method === 'POST') return token(head, answer)
  const path = resourceOf(head)
  if (path === undefined) return []
  const bearer = bearerIn(head.headers.get('authorization'))
  const tenant = directoryOf(claimsIn(bearer))
  if (path === '/organization') return organisation(tenant, answer)
  if (path === '/me') return tenant === undefined ? person(bearer, answer) : [{ tenants: [tenant], mayAllow: true }]
  const isOwn = path.startsWith('/me/drive')
  const drives = DRIVES.test(path) ? (listMember(answer, 'value') ?? []).slice(0, MOST_DRIVES) : [answer]
  const tokens: Identity[] = tenant === undefined ? [] : [{ tenants: [tenant], mayAllow: true }]
  if (isOwn && !DRIVES.test(path)) return ownDrive(tenant, path, answer)
  return [...tokens, ...drives.flatMap(drive => placeOf(path, drive))]
}

/** The endpoint made both tokens. Consumer accounts get an opaque one that begins with `Ew`. */
function token(head: RequestHead, answer: JsonObject): readonly Identity[] {
  const issued = issuedIn(answer, TOKEN_LIFE)
  if (issued === undefined) return []
  if (head.host === 'login.live.com') return [{ issued, tenants: [PERSONAL], mayAllow: true }]
  const access = issued[0].token
  const told = [claimsIn(textMember(answer, 'id_token')), claimsIn(access)].flatMap(claims => directoryOf(claims) ?? [])
  const names = new Set(told.length === 0 && access.startsWith('Ew') ? [PERSONAL] : told)
  return names.size === 1 ? [{ issued, tenants: [...names], mayAllow: true }] : []
}

/** `tid`, in lower case. */
function directoryOf(claims: JsonObject | undefined): string | undefined {
  const tid = textMember(claims, 'tid')?.toLowerCase()
  return tid === undefined || !GUID.test(tid) ? undefined : tid === CONSUMER_DIRECTORY ? PERSONAL : tid
}

/** "verifiedDomains": each is verified in one directory only. */
function organisation(tenant: string | undefined, answer: JsonObject): readonly Identity[] {
  const only = listMember(answer, 'value') ?? []
  const id = textMember(only[0], 'id')?.toLowerCase()
  const directory = tenant ?? (id !== undefined && GUID.test(id) ? id : undefined)
  if (directory === undefined) return []
  // Another directory than the token's is nothing that Graph would answer.
  const isSame = only.length === 1 && (id === undefined || id === directory)
  const domains = isSame ? (listMember(only[0], 'verifiedDomains') ?? []).flatMap(domain => domainIn(member(domain, 'name')) ?? []) : []
  return [{ tenants: [...new Set([directory, ...domains])].slice(0, MOST_NAMES), mayAllow: true }]
}

/** Without a JWT it is a consumer's token; a consumer may have an address of any domain, so it denies only. */
function person(bearer: string | undefined, answer: JsonObject): readonly Identity[] {
  if (bearer?.startsWith('Ew') === true) return [{ tenants: [PERSONAL], mayAllow: false }]
  const name = textMember(answer, 'userPrincipalName')
  const domain = name === undefined ? undefined : domainIn(name.slice(name.lastIndexOf('@') + 1))
  return domain === undefined ? [] : [{ tenants: [domain], mayAllow: false }]
}

/**
 * The drive of the credential's own account is in the directory of the token: its SharePoint name and the directory's id
 * are names of one tenant.
 */
function ownDrive(tenant: string | undefined, path: string, drive: JsonObject): readonly Identity[] {
  const owner = ownerOf(drive)
  if (owner !== undefined && tenant !== undefined && (owner === PERSONAL) !== (tenant === PERSONAL)) return []
  const tenants = [...new Set([tenant, owner].filter(name => name !== undefined))]
  if (tenants.length === 0) return []
  const places = driveIds(path, drive)
  return [{ tenants, ...(places.length === 0 ? {} : { places }), mayAllow: true }]
}

/** A drive, its root or a site, and what the request called it. */
function placeOf(path: string, resource: unknown): readonly Identity[] {
  const owner = ownerOf(resource)
  const places = SITE.test(path) ? [containerIn(path)].filter(id => id !== undefined) : driveIds(path, resource)
  return owner === undefined || places.length === 0 ? [] : [{ issued: [], tenants: [owner], places, mayAllow: true }]
}

function driveIds(path: string, resource: unknown): readonly string[] {
  // A root is an item of its drive.
  const told = path.endsWith('/root') ? member(member(resource, 'parentReference'), 'driveId') : member(resource, 'id')
  const called = /^\/drives\/([^/]+)/.exec(path)?.[1]
  const holder = path.endsWith('/drive') ? containerIn(path) : undefined
  return [...new Set([driveId(told), driveId(called), holder].filter(id => id !== undefined))]
}

function containerIn(path: string): string | undefined {
  const found = /^\/(users|groups|sites)\/([^/]+)/.exec(path)
  return found === null ? undefined : containerId(found[1], found[2])
}

/** Whose a drive or a site is: the host of its address, which no user sets. `driveType` has to agree. */
function ownerOf(resource: unknown): string | undefined {
  const address = URL.parse(textMember(resource, 'webUrl') ?? '')
  const type = textMember(resource, 'driveType') ?? textMember(member(resource, 'parentReference'), 'driveType')
  if (address === null) return type === 'personal' ? PERSONAL : undefined
  if (address.protocol !== 'https:') return undefined
  if (isSharePoint(address.hostname)) return type === 'personal' ? undefined : placeOfHost(address.hostname).tenantHint
  return CONSUMER_HOSTS.has(address.hostname) && (type === undefined || type === 'personal') ? PERSONAL : undefined
}
