/** Resumable uploads by the tus protocol 1.0 (tus.io), as oCIS and many others speak it. */
import type { Recognition, RequestHead } from './provider.ts'
import { recognition, sessionId } from './reading.ts'
import type { Reading } from './reading.ts'
import { atLeast, bodySize, byteCount, exactly, UNKNOWN } from './size.ts'
import { baseName } from './text.ts'

/** Reads a request of the protocol; undefined for any other. Method overrides are resolved by the caller. */
export function readTus(head: RequestHead, path: string, place: Pick<Reading, 'provider' | 'tenantHint'>): Recognition | undefined {
  const { headers, method } = head
  const length = byteCount(headers.get('upload-length'))
  const offset = byteCount(headers.get('upload-offset'))
  const isCreation = method === 'POST' && (length !== undefined || headers.get('upload-defer-length') !== undefined
    || headers.get('upload-concat') !== undefined || headers.get('upload-metadata') !== undefined)
  const base = { ...place, activity: 'upload' } as const
  if (isCreation) {
    const body = head.contentLength ?? 0
    const size = length === undefined ? atLeast(body) : exactly(Math.max(length, body))
    return recognition({ ...base, step: 'start', size, fileName: metadata(headers.get('upload-metadata'), 'filename') })
  }
  if (method === 'PATCH' && offset !== undefined) {
    const seen = offset + (head.contentLength ?? 0)
    const size = length === undefined ? atLeast(seen) : exactly(Math.max(length, seen))
    return recognition({ ...base, step: 'chunk', size, offset, session: sessionId(path) })
  }
  if (headers.get('tus-resumable') === undefined) return undefined
  if (method === 'HEAD') return recognition({ ...place, activity: 'other', step: 'status', size: UNKNOWN, session: sessionId(path) })
  if (method !== 'DELETE') return undefined
  return recognition({ ...place, activity: 'other', step: 'cancel', size: bodySize(head.contentLength), session: sessionId(path) })
}

/** One value of `Upload-Metadata`: pairs of a key and base64 text, comma-separated. */
function metadata(value: string | undefined, key: string): string | undefined {
  for (const pair of value?.slice(0, 16_384).split(',', 64) ?? []) {
    const [name = '', text = ''] = pair.trim().split(/[ \t]+/, 2)
    if (name.toLowerCase() === key) return baseName(Buffer.from(text, 'base64').toString('utf8'))
  }
  return undefined
}
