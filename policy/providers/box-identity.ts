import type { Operation } from '../operation.ts'
import { listMember, member, textMember } from './json.ts'
import { answerOf, hasOnly, plainPath } from './plain-request.ts'
import type { Identity, Question, RequestHead, StartResponse, WrittenPlace } from './provider.ts'
import { queryValues } from './query.ts'

const USER = '/2.0/users/me'
const ITEM = /^\/2\.0\/(files|folders)\/([1-9]\d{0,31})$/
const CREATED_FOLDER = '/2.0/folders'
const UPLOADED_FILE = /^(?:\/api)?\/2\.0\/files\/content$/
const UPLOAD_HOSTS: ReadonlySet<string> = new Set(['upload.box.com', 'upload.app.box.com'])
const QUERY: ReadonlySet<string> = new Set(['fields'])

/** `enterprise` is told only where it is asked for (Box API reference, "Get current user"). */
export const boxQuestion: Question = { method: 'GET', host: 'api.box.com', path: '/2.0/users/me?fields=enterprise' }

/** `as-user` has the answer speak of another person than the credential's. */
export function boxIdentifies(head: RequestHead, _operation: Operation): boolean {
  if (!isPlace(head) || plainPath(head) === undefined) return false
  return hasOnly(head.query, QUERY) && head.headers.get('as-user') === undefined && head.headers.get('boxapi') === undefined
}

function isPlace({ method, host, path }: RequestHead): boolean {
  if (method === 'GET') return host === 'api.box.com' && (path === USER || ITEM.test(path))
  if (method !== 'POST') return false
  return host === 'api.box.com' ? path === CREATED_FOLDER : UPLOAD_HOSTS.has(host) && UPLOADED_FILE.test(path)
}

/**
 * The enterprise of the credential, or that it has none; items that are not "owned by a user outside of the authenticated
 * enterprise" (`is_externally_owned`, Box API reference, "Folder (Full)"); and what was created where `written` says. A
 * folder's parent proves nothing: what others share stands in one's own root.
 */
export function boxIdentity(head: RequestHead, response: StartResponse, written?: WrittenPlace): readonly Identity[] {
  const answer = answerOf(response)
  if (answer === undefined) return []
  if (head.method === 'GET') return head.path === USER ? user(head, answer) : item(answer)
  const isFolder = head.path === CREATED_FOLDER
  const created = isFolder ? [answer] : listMember(answer, 'entries') ?? []
  return created.length === 1 ? createdIn(placeIn(created[0], isFolder ? 'folder' : 'file'), written) : []
}

function user(head: RequestHead, answer: unknown): readonly Identity[] {
  const enterprise = member(answer, 'enterprise')
  const isAsked = queryValues(head.query, 'fields').flatMap(list => list.split(',')).some(name => name.trim() === 'enterprise')
  if (enterprise === null && isAsked) return [{ tenants: ['personal'], mayAllow: true }]
  const id = textMember(enterprise, 'id')
  const isEnterprise = id !== undefined && /^\d{1,32}$/.test(id) && textMember(enterprise, 'type') === 'enterprise'
  return isEnterprise ? [{ tenants: [id], mayAllow: true }] : []
}

function item(answer: unknown): readonly Identity[] {
  const type = textMember(answer, 'type')
  const place = type === 'file' || type === 'folder' ? placeIn(answer, type) : undefined
  return member(answer, 'is_externally_owned') === false && place !== undefined ? [{ places: [place], mayAllow: true }] : []
}

/** What is put into a folder belongs to the folder's owner. */
function createdIn(place: string | undefined, written: WrittenPlace | undefined): readonly Identity[] {
  if (place === undefined || written === undefined) return []
  if (written.is === 'own') return [{ places: [place], mayAllow: true }]
  const [folder, more] = written.is === 'named' ? written.ids : []
  return folder === undefined || more !== undefined ? [] : [{ within: folder, places: [place], mayAllow: true }]
}

function placeIn(value: unknown, type: 'file' | 'folder'): string | undefined {
  const id = textMember(value, 'id')
  return textMember(value, 'type') === type && id !== undefined && /^[1-9]\d{0,31}$/.test(id) ? `${type}:${id}` : undefined
}
