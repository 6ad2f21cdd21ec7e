/** Uploads of a soak: what programs send that may, to the organisation's own accounts, and what must not pass. */
import type { AccountName } from '../../origin/accounts.ts'
import { refreshToken } from '../../origin/accounts.ts'
import type { Answer, Body, Call, Client } from './client.ts'
import type { Expected } from './ledger.ts'

export const CONTENT = 'content.dropboxapi.com'
const API = 'api.dropboxapi.com'
const OCTETS = { 'content-type': 'application/octet-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }
/** Google's resumable uploads come in multiples of it, and Microsoft's in multiples of another. */
const GOOGLE_UNIT = 256 << 10
const MICROSOFT_UNIT = 320 << 10


/** Gets a token of Dropbox and has the provider tell through the proxy whose it is; null where that failed. */
export async function signIn(client: Client, account: AccountName & ('contoso' | 'fabrikam')): Promise<string | null> {
  const token = client.newToken(account)
  const answer = await client.ask({
    act: 'sign-in', expected: 'passed', host: API, path: '/2/users/get_current_account', method: 'POST', headers: bearer(token),
  })
  return answer?.status === 200 ? token : null
}

export function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` }
}

export interface DropboxUpload {
  readonly act: string
  readonly expected: Expected
  readonly must: 'be' | 'not' | 'may'
  readonly token: string
  readonly size: number
  /** Of the id. */
  readonly prefix?: string
  readonly body?: Omit<Body, 'bytes'>
  readonly headers?: Readonly<Record<string, string>>
}

/** One file in one request. */
export async function uploadDropbox(client: Client, upload: DropboxUpload): Promise<void> {
  const { act, expected, must, token, size } = upload
  const id = client.nextId(upload.prefix)
  const name = `${id}.bin`
  const { bytes, sha256 } = client.file(size)
  const isRefused = expected === 'blocked' || expected === 'cut'
  const answer = await client.ask({
    act, expected, id, host: CONTENT, path: '/2/files/upload', headers: { ...dropboxHeaders(client, token, name), ...upload.headers },
    body: { bytes, ...upload.body }, ...isRefused && { isRight: is403 },
  })
  // What its client was not told of may have come all the same.
  client.ledger.note({ is: 'file', id, act, name, must: must === 'be' && answer?.status !== 200 ? 'may' : must, size, sha256 })
}

export function dropboxHeaders(client: Client, token: string, name: string): Readonly<Record<string, string>> {
  return { ...bearer(token), ...OCTETS, 'dropbox-api-arg': JSON.stringify({ path: `/${client.name}/${name}`, mode: 'overwrite' }) }
}

export const is403 = ({ status }: Answer): boolean => status === 403

/** One file in a session of three to five requests. */
export async function uploadSession(client: Client, token: string): Promise<void> {
  const { id, name, size, bytes, sha256 } = newFile(client, client.random.between(100_000, 1_500_000))
  const call = (path: string, arg: unknown, piece: Buffer): Promise<Answer | null> => client.ask({
    act: 'session', expected: 'passed', host: CONTENT, path: `/2/files/upload_session/${path}`,
    headers: { ...bearer(token), ...OCTETS, 'dropbox-api-arg': JSON.stringify(arg) }, body: { bytes: piece, chunked: client.random.chance(0.5) },
  })
  const step = Math.ceil(size / client.random.between(2, 4))
  const started = await call('start', { close: false }, bytes.subarray(0, step))
  const session = field(started, 'session_id')
  for (let at = step; session !== null; at += step) {
    const isLast = at + step >= size
    const arg = { cursor: { session_id: session, offset: at } }
    const answer = await call(isLast ? 'finish' : 'append_v2',
      isLast ? { ...arg, commit: { path: `/${client.name}/${name}`, mode: 'overwrite' } } : arg, bytes.subarray(at, at + step))
    if (answer?.status !== 200) break
    if (isLast) return client.ledger.note({ is: 'file', id, act: 'session', name, must: 'be', size, sha256 })
  }
  client.ledger.note({ is: 'file', id, act: 'session', name, must: 'may', size, sha256 })
}

/** One file in a resumable session of Google's. */
export async function uploadResumable(client: Client, token: string): Promise<void> {
  const { id, name, size, bytes, sha256 } = newFile(client, client.random.between(1, 5) * GOOGLE_UNIT + 1_234)
  const started = await client.ask({
    act: 'resumable', expected: 'passed', host: 'www.googleapis.com', path: '/upload/drive/v3/files?uploadType=resumable',
    headers: { ...bearer(token), ...JSON_TYPE }, body: { bytes: Buffer.from(JSON.stringify({ name })) },
  })
  const url = URL.parse(String(started?.headers.location))
  let status = 308
  for (let at = 0; url !== null && at < size && status === 308; at += 2 * GOOGLE_UNIT) {
    const piece = bytes.subarray(at, at + 2 * GOOGLE_UNIT)
    const answer = await client.ask({
      act: 'resumable', expected: 'passed', host: url.host, path: url.pathname + url.search, method: 'PUT',
      headers: { 'content-range': `bytes ${at}-${at + piece.length - 1}/${size}` }, body: { bytes: piece },
      isRight: given => given.status === 308 || given.status === 200,
    })
    status = answer?.status ?? 0
  }
  client.ledger.note({ is: 'file', id, act: 'resumable', name, must: status === 200 ? 'be' : 'may', size, sha256 })
}

/** One file in a session of Microsoft's, whose address names the tenant. */
export async function uploadRanges(client: Client, token: string): Promise<void> {
  const { id, name, size, bytes, sha256 } = newFile(client, client.random.between(1, 3) * MICROSOFT_UNIT + 777)
  const started = await client.ask({
    act: 'ranges', expected: 'passed', host: 'graph.microsoft.com', path: `/v1.0/me/drive/root:/${client.name}/${name}:/createUploadSession`,
    headers: { ...bearer(token), ...JSON_TYPE }, body: { bytes: Buffer.from('{"item":{}}') },
  })
  const url = URL.parse(field(started, 'uploadUrl') ?? '')
  let status = 202
  for (let at = 0; url !== null && at < size && status === 202; at += MICROSOFT_UNIT) {
    const piece = bytes.subarray(at, at + MICROSOFT_UNIT)
    const answer = await client.ask({
      act: 'ranges', expected: 'passed', host: url.host, path: url.pathname + url.search, method: 'PUT',
      headers: { 'content-range': `bytes ${at}-${at + piece.length - 1}/${size}` }, body: { bytes: piece },
    })
    status = answer?.status ?? 0
  }
  client.ledger.note({ is: 'file', id, act: 'ranges', name, must: status === 201 ? 'be' : 'may', size, sha256 })
}

/** Gets a token at a sign-in host, whose answer tells the tenant; null where that failed. */
export async function takeToken(client: Client, system: 'google' | 'microsoft'): Promise<string | null> {
  const grant = system === 'google' ? refreshToken('contoso', 'google', 'openid') : refreshToken('contoso', 'microsoft')
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: grant, client_id: 'fake' })
  const call: Pick<Call, 'host' | 'path'> = system === 'google' ? { host: 'oauth2.googleapis.com', path: '/token' }
    : { host: 'login.microsoftonline.com', path: '/common/oauth2/v2.0/token' }
  return field(await client.ask({
    act: 'token', expected: 'passed', ...call, headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { bytes: Buffer.from(form.toString()) },
  }), 'access_token')
}

function newFile(client: Client, size: number): { id: string; name: string; size: number; bytes: Buffer; sha256: string } {
  const id = client.nextId()
  return { id, name: `${id}.bin`, size, ...client.file(size) }
}

/** A text field of an answer in JSON; null where it has none. */
function field(answer: Answer | null, name: string): string | null {
  if (answer === null || answer.status < 200 || answer.status > 299) return null
  const told: unknown = JSON.parse(answer.text)
  const value = typeof told === 'object' && told !== null ? Object.entries(told).find(([key]) => key === name)?.[1] : undefined
  return typeof value === 'string' ? value : null
}
