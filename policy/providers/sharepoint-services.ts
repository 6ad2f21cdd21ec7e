/**
 * SharePoint's services and pages beside its REST API that take files: CSOM, SOAP, WOPI, FSSHTTP, form posts.
 * Sources: MS-CSOM, MS-COPYS, MS-LISTSWS, MS-FSSHTTP, MS-WOPI, MS-FPSE; third-party code for the pages.
 */
import type { Activity, Step } from '../operation.ts'
import { AUTHORING, readAuthoring } from './front-page.ts'
import { explainBrief } from './metadata.ts'
import type { BodyStart } from './metadata.ts'
import type { Place } from './microsoft-place.ts'
import { boundaryOf } from './multipart.ts'
import type { ListedEndpoint, Recognition, RequestHead } from './provider.ts'
import { explain, isEncoded, PEEK_LIMIT, recognition, unexplained } from './reading.ts'
import { bodySize, exactly } from './size.ts'
import { baseName, headerUtf8, percentDecode } from './text.ts'

interface Service {
  readonly path: RegExp
  readonly shown: string
  readonly activity: Activity
  readonly source: string
  /** What a request's `SOAPAction`, `X-WOPI-Override` or `Slug` must say. */
  readonly when?: RegExp
}

/** By POST; the first that fits wins. */
const services: readonly Service[] = [
  { path: /\/_vti_bin\/wopi\.ashx\/files\/[^/]+\/contents$/i, shown: '/_vti_bin/wopi.ashx/files/{id}/contents', activity: 'upload', source: 'MS-WOPI' },
  { path: /\/_vti_bin\/wopi\.ashx\/files\/[^/]+$/i, shown: '/_vti_bin/wopi.ashx/files/{id} [x-wopi-override: PUT_RELATIVE]', activity: 'upload', source: 'MS-WOPI', when: /put_relative/i },
  // A name may stand in any part of an action's address: whatever is not surely a reading is content.
  { path: /\/_vti_bin\/copy\.asmx$/i, shown: '/_vti_bin/copy.asmx [soapaction: GetItem]', activity: 'download', source: 'MS-COPYS', when: /\/getitem"?$/i },
  { path: /\/_vti_bin\/copy\.asmx$/i, shown: '/_vti_bin/copy.asmx', activity: 'upload', source: 'MS-COPYS' },
  { path: /\/_vti_bin\/lists\.asmx$/i, shown: '/_vti_bin/lists.asmx [soapaction: AddAttachment]', activity: 'upload', source: 'MS-LISTSWS', when: /addattachment/i },
  {
    path: /\/_vti_bin\/imaging\.asmx$/i, shown: '/_vti_bin/imaging.asmx [soapaction: Upload]',
    activity: 'upload', source: 'MS-OISWS', when: /\/upload"?$/i,
  },
  { path: /\/_vti_bin\/listdata\.svc\/[^/]+$/i, shown: '/_vti_bin/listdata.svc/{list} [slug]', activity: 'upload', source: 'MS-LISTDATA', when: /^slug:./i },
  { path: AUTHORING, shown: '/_vti_bin/_vti_aut/author.dll', activity: 'upload', source: 'MS-FPSE' },
  { path: /\/_layouts\/(?:1[0-9]\/)?(?:upload(?:ex|multiple)?|attachfile)\.as[hp]x$/i, shown: '/_layouts/15/upload.aspx', activity: 'upload', source: 'third-party code, may be stale' },
  // Office saves what is typed as it is typed; a whole file is more than that.
  { path: /\/_vti_bin\/cellstorage\.svc(?:\/|$)/i, shown: '/_vti_bin/cellstorage.svc', activity: 'edit', source: 'MS-FSSHTTP' },
]

export function listServices(): readonly ListedEndpoint[] {
  const query: ListedEndpoint = { methods: ['POST'], path: '/_vti_bin/client.svc/ProcessQuery', activity: 'upload', step: 'single', source: 'MS-CSOM', unproven: true }
  return [query, ...services.map(({ shown, activity, source }): ListedEndpoint => ({
    methods: ['POST'], path: shown, activity, step: 'single', source, unproven: true,
  }))]
}

/** Reads a call of such a service; undefined for any other request. */
export function readService(head: RequestHead, path: string, place: Place, body: BodyStart | undefined): Recognition | undefined {
  if (head.method !== 'POST') return undefined
  if (/\/(?:_vti_bin\/client\.svc|_api)\/processquery$/i.test(path)) return readQuery(head, place, body)
  const told = [
    head.headers.get('soapaction'), head.headers.get('content-type'), head.headers.get('x-wopi-override'), `slug:${head.headers.get('slug') ?? ''}`,
  ].filter(text => text !== undefined)
  const found = services.find(({ path: pattern, when }) => pattern.test(path) && (when === undefined || told.some(text => when.test(text))))
  if (found === undefined) return undefined
  const step: Step = 'single'
  const slug = head.headers.get('slug') ?? head.headers.get('x-wopi-suggestedtarget') ?? ''
  const first = recognition({
    ...place, activity: found.activity, step, size: bodySize(head.contentLength),
    fileName: found.activity === 'upload' ? baseName(percentDecode(headerUtf8(slug))) : undefined,
  })
  if (found.activity === 'edit') return explainBrief(head, first)
  if (found.path === AUTHORING) return readAuthoring(head, first, body)
  const isForm = found.activity === 'upload' && boundaryOf(head.headers.get('content-type')) !== undefined
  // A form names its file in the body.
  return isForm && !isEncoded(head) && head.contentLength !== 0 ? { ...first, peek: PEEK_LIMIT } : explain(head, first)
}

/** What the XML of a query does, the strictest first. */
const EFFECTS: readonly (readonly [Activity, RegExp])[] = [
  ['upload', /base64binary|contentstream|savebinary|name="(?:start|continue|finish)?upload|name="(?:add|save|set)[a-z]*(?:stream|image|attachment)/i],
  ['share', /name="[a-z]*(?:share|anonymouslink|sharinglink|roleassignment|breakroleinheritance)/i],
  ['delete', /name="(?:deleteobject|recycle)/i],
  ['change', /<setproperty|name="(?:update|add|moveto|copyto|setfieldvalue|systemupdate|checkin|checkout|publish)/i],
]

/** CSOM: calls as XML, file content in base64 among them. Read while it is plain, and short enough to be looked into. */
function readQuery(head: RequestHead, place: Place, body: BodyStart | undefined): Recognition {
  const first = recognition({ ...place, activity: 'other', step: 'single', size: bodySize(head.contentLength) })
  const explained = explain(head, first)
  if (explained.operation.activity === 'upload' || head.contentLength === 0) return explained
  if (isEncoded(head)) return unexplained(first, first.operation.size)
  if (body === undefined) return { ...explained, peek: PEEK_LIMIT }
  if (!body.complete) return explained
  const text = body.bytes.toString('utf8').replace(/^\ufeff/, '').replace(/\s*=\s*(["'])/g, '=$1').replaceAll("='", '="')
  const bytes = exactly(body.bytes.length)
  // Another character set, a document type or a character reference in a name would hide what is called.
  if (!/^\s*</.test(text) || /<!|\u0000|="[^"<>]*&#/.test(text)) return unexplained(first, bytes)
  const effect = EFFECTS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other'
  return recognition({ ...first.operation, activity: effect, size: bytes })
}
