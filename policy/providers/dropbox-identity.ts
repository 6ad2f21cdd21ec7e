import type { Operation } from '../operation.ts'
import { member, textMember } from './json.ts'
import { answerOf, plainPath } from './plain-request.ts'
import type { Identity, Question, RequestHead, StartResponse } from './provider.ts'
import { issuedIn } from './token-answer.ts'

const API_HOSTS: ReadonlySet<string> = new Set(['api.dropboxapi.com', 'api.dropbox.com'])
const ACCOUNT = '/2/users/get_current_account'
const TEAM = '/2/team/get_info'
const TOKEN: ReadonlySet<string> = new Set(['/oauth2/token', '/1/oauth2/token'])

const SELECTIONS = ['dropbox-api-select-user', 'dropbox-api-select-admin'] as const

/** Seconds that a token without `expires_in` is taken to live: the four hours of those that have it. */
const TOKEN_LIFE = 4 * 60 * 60

/** A call without arguments has `null` for a body (Dropbox for HTTP developers, "RPC endpoints"). */
export const dropboxQuestion: Question = { method: 'POST', host: 'api.dropboxapi.com', path: ACCOUNT, body: 'null' }

/** The query could name another credential (`authorization`) than the one that the answer would be taken for. */
export function dropboxIdentifies(head: RequestHead, _operation: Operation): boolean {
  return head.method === 'POST' && API_HOSTS.has(head.host) && head.query === '' && plainPath(head) !== undefined
    && (head.path === ACCOUNT || head.path === TEAM || TOKEN.has(head.path))
}

/**
 * `oauth2/token` names the account, and the team where one approved the app; `users/get_current_account` the team or that
 * there is none, and the account's root and home namespaces; `team/get_info` the team of a team's token (Dropbox API v2 reference).
 */
export function dropboxIdentity(head: RequestHead, response: StartResponse): readonly Identity[] {
  const answer = answerOf(response)
  if (answer === undefined) return []
  if (head.path === ACCOUNT) return account(head, answer)
  if (head.path === TEAM) return team(textMember(answer, 'team_id'))
  return TOKEN.has(head.path) ? token(answer) : []
}

/** A refreshed token comes alone, and a missing `team_id` says nothing: only apps that a team approved are told it. */
function token(answer: unknown): readonly Identity[] {
  const issued = issuedIn(answer, TOKEN_LIFE)
  const person = personIn(answer)
  const tenant = teamId(textMember(answer, 'team_id'))
  if (issued === undefined || (person === undefined && tenant === undefined)) return []
  return [{ issued, ...(tenant === undefined ? {} : { tenants: [tenant] }), ...(person === undefined ? {} : { person }), mayAllow: true }]
}

function team(id: string | undefined): readonly Identity[] {
  const tenant = teamId(id)
  return tenant === undefined ? [] : [{ tenants: [tenant], mayAllow: true }]
}

function account(head: RequestHead, answer: unknown): readonly Identity[] {
  const person = personIn(answer)
  const tenant = tenantOf(answer)
  if (person === undefined || tenant === undefined) return []
  const root = member(answer, 'root_info')
  const places = ['root_namespace_id', 'home_namespace_id'].flatMap(name => namespaceIn(root, name))
  // A team's token speaks for whichever member the request selects: the team is told, no person.
  const isSelected = SELECTIONS.some(name => head.headers.get(name) !== undefined)
  return [{
    tenants: [tenant], ...(isSelected ? {} : { person }), ...(places.length === 0 ? {} : { places: [...new Set(places)] }), mayAllow: true,
  }]
}

/** `team`: "If this account is a member of a team". A business account without one is one that was not told. */
function tenantOf(answer: unknown): string | undefined {
  const found = member(answer, 'team')
  if (found !== undefined && found !== null) return teamId(textMember(found, 'id'))
  const type = member(member(answer, 'account_type'), '.tag')
  return type === 'basic' || type === 'pro' ? 'personal' : undefined
}

function teamId(id: string | undefined): string | undefined {
  return id !== undefined && /^dbtid:[-\w]{1,128}$/.test(id) ? id.toLowerCase() : undefined
}

function personIn(answer: unknown): string | undefined {
  const id = textMember(answer, 'account_id')
  return id !== undefined && /^dbid:[-\w]{1,128}$/.test(id) ? id : undefined
}

function namespaceIn(root: unknown, name: string): readonly string[] {
  const id = textMember(root, name)
  return id !== undefined && /^[-\w]{1,64}$/.test(id) ? [`ns:${id}`] : []
}
