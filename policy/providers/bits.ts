/**
 * BITS uploads (MS-BPAU "BITS Upload Protocol"), which OneDrive's consumer servers take:
 * `POST …/items/{folder}/{name}` with `X-Http-Method-Override: BITS_POST` and the step in `BITS-Packet-Type`.
 */
import type { Step } from '../operation.ts'
import type { Place } from './microsoft-place.ts'
import type { ListedEndpoint, Recognition, RequestHead } from './provider.ts'
import { explain, recognition, sessionId } from './reading.ts'
import { bodySize, chunkSize, contentRange, UNKNOWN } from './size.ts'
import { baseName } from './text.ts'

const STEPS: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['create-session', 'start'], ['fragment', 'chunk'], ['close-session', 'finish'], ['cancel-session', 'cancel'], ['ping', 'status'],
])

/** The BITS packets as rows for people. No recorded client sends them. */
export function listPackets(): readonly ListedEndpoint[] {
  return [...STEPS].map(([packet, step]): ListedEndpoint => ({
    methods: ['POST', 'BITS_POST'], path: `/** [bits-packet-type: ${packet}]`, activity: step === 'cancel' || step === 'status' ? 'other' : 'upload',
    step, source: 'MS-BPAU; third-party code for OneDrive', unproven: true,
  }))
}

/** Reads a BITS packet; undefined for any other request. An unknown packet is read as content. */
export function readPacket(head: RequestHead, path: string, place: Place): Recognition | undefined {
  const packet = head.headers.get('bits-packet-type')?.trim().toLowerCase()
  if (head.method !== 'BITS_POST' && (packet === undefined || head.method !== 'POST')) return undefined
  const step = STEPS.get(packet ?? '') ?? 'chunk'
  const session = sessionId(head.headers.get('bits-session-id')?.trim())
  if (step === 'cancel' || step === 'status') {
    return explain(head, recognition({ ...place, activity: 'other', step, size: bodySize(head.contentLength), session }))
  }
  const range = contentRange(head.headers.get('content-range'))
  return recognition({
    ...place, activity: 'upload', step, session,
    size: head.contentLength === 0 && range === undefined ? UNKNOWN : chunkSize(range, head.contentLength),
    offset: range?.first ?? undefined,
    fileName: baseName(path),
  })
}
