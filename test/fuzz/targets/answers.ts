/** What origins answer, read for upload sessions and for whose a credential or a place is. */
import { deepStrictEqual } from 'node:assert/strict'
import { builtin } from '../../../policy/providers/index.ts'
import type { Identity, Learned, ProviderModule, WrittenPlace } from '../../../policy/providers/provider.ts'
import { readKeySet } from '../../../policy/tenant/key-sets.ts'
import { readExchange, writeExchange } from '../http-text.ts'
import { requestTexts } from '../request-texts.ts'
import { requestWords } from '../request-words.ts'
import { Broken, hold } from '../target.ts'
import type { Target } from '../target.ts'
import { bodyPart, catalogue, headOf, judged } from './requests.ts'

const PEEK = 64 * 1024
const ANSWERS: readonly (readonly [number, readonly (readonly [string, string])[], string])[] = [
  [200, [['content-type', 'application/json'], ['location', 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=AE1']], '{"session_id":"pid_1"}'],
  [200, [['content-type', 'application/json; charset=utf-8']], '{"uploadUrl":"https://contoso.sharepoint.com/_api/v2.0/drives/b/items/1/uploadSession?guid=1","expirationDateTime":"2027-01-01T00:00:00Z"}'],
  [201, [['content-type', 'application/json']], '{"id":"8DF6","session_endpoints":{"upload_part":"https://upload.box.com/api/2.0/files/upload_sessions/8DF6"},"part_size":8388608}'],
  [200, [['content-type', 'application/xml']], '<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>'],
  [200, [['content-type', 'application/json']], '{"value":[{"id":"1","verifiedDomains":[{"name":"contoso.com","isDefault":true}]}]}'],
  [200, [['content-type', 'application/json']], '{"account_id":"dbid:1","email":"a@contoso.com","team":{"id":"dbtid:1","name":"Contoso"},"root_info":{"root_namespace_id":"1","home_namespace_id":"2"}}'],
  [200, [['content-type', 'application/json']], '{"access_token":"eyJhbGciOiJub25lIn0.eyJ0aWQiOiIxMTExMTExMS0xMTExLTExMTEtMTExMS0xMTExMTExMTExMTEifQ.","expires_in":3599,"id_token":"a.b.c"}'],
  [200, [['content-type', 'application/json']], '{"user":{"emailAddress":"a@contoso.com","permissionId":"1"},"id":"0A","kind":"drive#drive","driveType":"business","owner":{"user":{"id":"1"}}}'],
]

export const target: Target = {
  name: 'answers',
  sources: ['policy/providers/', 'policy/tenant/key-sets.ts'],
  dictionary: [...requestWords(builtin), '\n=== answer\n200\n', '\n=== answer\n', '\nlocation: ', '\ncontent-type: text/javascript', '"session_id":"', '"uploadUrl":"https://', '"access_token":"', '"expires_in":', '"id_token":"',
    '"email":"a@contoso.com"', '"team":{"id":"dbtid:1"}', '"driveId":"', '"parentReference":', '"value":[', '"owner":', '"permissionId":', '"hd":"contoso.com"', '<UploadId>', '</UploadId>', '{"keys":[{"kty":"RSA","kid":"1","n":"1","e":"AQAB"}]}'],
  maxLength: 16 * 1024,
  open: async () => ({
    starts: requestTexts().flatMap((request, i) => { const answer = ANSWERS[i % ANSWERS.length]; return answer === undefined ? [] : [writeExchange(request, ...answer)] }),
    run,
  }),
}

function run(bytes: Buffer): void {
  const { request, response } = readExchange(bytes.toString('latin1'))
  readKeySet((response.body ?? Buffer.alloc(0)).toString('utf8'))
  const head = headOf(request)
  const module = head === undefined ? undefined : catalogue.find(head.host, head.path)?.module
  if (head === undefined || module === undefined) return
  const operation = judged(module, head, request.body).recognition?.operation
  if (operation === undefined) return
  const places = [module.placeOf?.(head, operation, bodyPart(head, request.body, PEEK)), module.placeOf?.(head, operation, null)]
  for (const place of places) if (place !== undefined && !isPlace(place)) throw new Broken(`a place ${JSON.stringify(place)}`)
  const where = module.learns?.(operation) ?? null
  if (where !== null) {
    const given = where === 'headers' ? { ...response, body: null } : response
    const learned = module.learn?.(head, operation, given)
    deepStrictEqual(module.learn?.(head, operation, given), learned, 'the same answer teaches something else a second time')
    if (learned !== undefined && !isLearned(module, learned)) throw new Broken(`learned ${JSON.stringify(learned)}`)
  }
  if (module.identifies?.(head, operation) !== true) return
  const [place] = places
  const identities = module.identify?.(head, response, place) ?? []
  deepStrictEqual(module.identify?.(head, response, place) ?? [], identities, 'the same answer names somebody else a second time')
  hold(identities.length <= 10_000, () => `${identities.length} identities`)
  for (const identity of identities) if (!isIdentity(identity)) throw new Broken(`an identity ${JSON.stringify(identity)}`)
}

function isLearned({ providers }: ProviderModule, { session, host, provider, size }: Learned): boolean {
  return session !== '' && session.length <= 4096 && (host === undefined || (host !== '' && host === host.toLowerCase() && host.length <= 253))
    && (provider === undefined || providers.includes(provider) || typeof provider === 'string') && (size === undefined || (Number.isFinite(size) && size >= 0))
}

function isPlace(place: WrittenPlace): boolean {
  return place.is !== 'named' || place.ids.every(id => typeof id === 'string' && id !== '')
}

function isIdentity({ tenants = [], within, person, issued = [], places = [] }: Identity): boolean {
  const isText = (text: unknown): boolean => typeof text === 'string' && text !== ''
  return tenants.every(name => isText(name) && name === name.toLowerCase()) && [within, person].every(text => text === undefined || isText(text))
    && places.every(isText) && issued.every(({ token, seconds }) => isText(token) && Number.isSafeInteger(seconds) && seconds > 0)
}
