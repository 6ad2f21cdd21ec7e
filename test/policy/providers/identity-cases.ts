import { catalogue } from '../../../policy/providers/index.ts'
import type { Identity, ProviderModule, RequestHead, StartResponse, WrittenPlace } from '../../../policy/providers/provider.ts'
import type { Case } from './cases.ts'
import { makeHead } from './recording.ts'

interface Read {
  readonly module: ProviderModule
  readonly head: RequestHead
  readonly bytes: Buffer | null
}

function read({ request, headers = {}, body, length }: Case): Read {
  const [, method = '', host = '', path = '', query = ''] = /^(\S+) ([^/\s]+)(\/[^?]*)(?:\?(.*))?$/s.exec(request) ?? []
  const module = catalogue.find(host, path)?.module
  if (module === undefined) throw new Error(`${host} is not in the catalogue`)
  const bytes = body === undefined ? null : typeof body === 'string' ? Buffer.from(body) : body
  const contentLength = length === undefined ? bytes?.length ?? 0 : length
  return { module, head: makeHead({ method, host, path, query, headers: Object.entries(headers), contentLength }), bytes }
}

/** What a request writes to, in short: `own`, `unseen`, or the ids. `seen`: how many bytes of its body were. */
export function placeOf(one: Case, seen = Infinity): string {
  const place = writtenBy(one, seen)
  return place.is === 'named' ? place.ids.join(' ') : place.is
}

export function writtenBy(one: Case, seen = Infinity): WrittenPlace {
  const { module, head, bytes } = read(one)
  const { operation } = module.recognise(head)
  if (module.placeOf === undefined) throw new Error(`${one.request}: no places`)
  return module.placeOf(head, operation, bytes === null ? null : { bytes: bytes.subarray(0, seen), complete: bytes.length <= seen })
}

export function identifies(one: Case): boolean {
  const { module, head } = read(one)
  return module.identifies?.(head, module.recognise(head).operation) ?? false
}

export interface Answer {
  readonly status?: number
  readonly type?: string
  readonly body: unknown
  readonly written?: WrittenPlace
}

/** What an answer tells, where the request is one that is looked at. */
export function identify(one: Case, { status = 200, type = 'application/json', body, written }: Answer): readonly Identity[] {
  if (!identifies(one)) throw new Error(`${one.request} is not looked at`)
  const { module, head } = read(one)
  const bytes = body === null ? null : Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const response: StartResponse = { status, header: name => name === 'content-type' ? type : undefined, body: bytes }
  return module.identify?.(head, response, written) ?? []
}

/** A JWT that nobody signed. */
export function jwt(claims: unknown): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}.FAKE`
}

/** Whatever an answer could be that is none of those expected. */
export const NO_ANSWERS: readonly unknown[] = [
  null, '', '{', 'null', '[]', '7', '"x"', '{}', Buffer.from([0xff, 0xfe, 0]), '['.repeat(60_000), '{"a":'.repeat(9_000),
]
