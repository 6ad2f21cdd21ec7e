import type { Activity, Step } from '../operation.ts'
import { listPackets, readPacket } from './bits.ts'
import type { BodyStart } from './metadata.ts'
import type { Place } from './microsoft-place.ts'
import type { ListedEndpoint, Recognition, RequestHead } from './provider.ts'
import { explain, mediaType, plainReading, recognition } from './reading.ts'
import { addressedName, listCalls, readRestCall, restActivity } from './sharepoint-rest.ts'
import { listServices, readService } from './sharepoint-services.ts'
import { atLeast, bodySize, exactly } from './size.ts'
import { baseName } from './text.ts'

/** WebDAV, on SharePoint and the consumer hosts (RFC 4918; recorded with rclone's webdav). */
const webdav: ReadonlyMap<string, Activity> = new Map<string, Activity>([
  ['PUT', 'upload'], ['PROPFIND', 'list'], ['DELETE', 'delete'],
  ['MKCOL', 'change'], ['PROPPATCH', 'change'], ['LOCK', 'change'], ['UNLOCK', 'change'],
  ['COPY', 'change'], ['MOVE', 'change'], ['PATCH', 'change'], ['MERGE', 'change'],
])

/** WebDAV and the REST functions as rows for people. */
export function listPages(): readonly ListedEndpoint[] {
  const methods = [...webdav].map(([method, activity]): ListedEndpoint => ({
    methods: [method], path: '/**', activity, step: 'single', source: 'RFC 4918', unproven: false,
  }))
  return [...listCalls(), ...listServices(), ...listPackets(), ...methods]
}

/** A request of which nothing is told but what it does and how long it is. */
export function plain(head: RequestHead, place: Place, activity: Activity, step: Step = 'single'): Recognition {
  return plainReading(head, place.provider, activity, step, place.tenantHint)
}

/** Everything else of SharePoint and the consumer hosts: the older REST API, services, BITS, WebDAV, pages. */
export function readPage(head: RequestHead, path: string, place: Place, body?: BodyStart): Recognition {
  const service = readPacket(head, path, place) ?? readService(head, path, place, body)
  if (service !== undefined) return service
  const call = head.method === 'GET' || head.method === 'HEAD' ? undefined : readRestCall(path, head.query)
  if (call !== undefined) {
    const { step, session, offset, fileName } = call
    if (step === 'cancel') return explain(head, plain(head, place, 'other', 'cancel'))
    const total = (offset ?? 0) + (head.contentLength ?? 0)
    const isWhole = head.contentLength !== null && (step === 'single' || step === 'finish')
    const size = isWhole ? exactly(total) : atLeast(total)
    return recognition({ ...place, activity: 'upload', step, size, fileName, session, offset })
  }
  return explain(head, readByMethod(head, path, place))
}

function readByMethod(head: RequestHead, path: string, place: Place): Recognition {
  const inApi = /\/_api\//i.test(path)
  const activity = webdav.get(head.method)
  if (activity === 'upload') {
    const fileName = inApi ? addressedName(path, head.query) : baseName(path)
    const contentType = mediaType(head.headers.get('content-type'))
    return recognition({ ...place, activity, step: 'single', size: bodySize(head.contentLength), fileName, contentType })
  }
  if (activity !== undefined) return plain(head, place, activity)
  if (head.method !== 'GET' && head.method !== 'HEAD') {
    // Where the sign-in service sends the browser back to, with what it signed.
    if (head.method === 'POST' && SIGNED_IN.test(path)) return plain(head, place, 'login')
    return plain(head, place, inApi ? restActivity(path) ?? 'other' : 'other')
  }
  return plain(head, place, isDownload(head, path, inApi) ? 'download' : inApi ? 'list' : 'other')
}

const SIGNED_IN = /^\/_forms\/default\.aspx$/i
const DOWNLOAD = /\/_layouts\/(?:15\/)?download\.aspx$|\/\$value$|\/openbinarystream(?:\(\))?$/i
/** Parts of every page, and no files of a library. */
const PAGE_PART = /\/(?:(?:script|web)resource\.axd|favicon\.ico)$/i

function isDownload(head: RequestHead, path: string, inApi: boolean): boolean {
  if (DOWNLOAD.test(path) || head.host.endsWith('.files.1drv.com')) return true
  return !inApi && /\.(?!aspx$)[a-z0-9]{1,10}$/i.test(path.slice(-16))
    && !PAGE_PART.test(path.slice(-32)) && !/\/_(?:layouts|vti_bin)\//i.test(path)
}
