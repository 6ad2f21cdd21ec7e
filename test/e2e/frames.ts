/** HTTP/2 as frames (RFC 9113 §4), for what no library sends. */
import type tls from 'node:tls'
import { connect, secure } from './wire.ts'
import type { World } from './world.ts'

const TYPES = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8, continuation: 9 } as const
const NAMES: ReadonlyMap<number | undefined, keyof typeof TYPES> = new Map(Object.entries(TYPES).map(([name, type]) => [type, name as keyof typeof TYPES]))
export const END_STREAM = 1
export const END_HEADERS = 4

export function frame(type: keyof typeof TYPES, flags: number, stream: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = TYPES[type]
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** RFC 7541 §5.1, with a prefix of seven bits. */
function length(value: number): number[] {
  if (value < 127) return [value]
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  return [...bytes, rest]
}

/** Header fields as literals without indexing (RFC 7541 §6.2.2). */
export function block(fields: Readonly<Record<string, string>> | readonly (readonly [string, string])[]): Buffer {
  const pairs = Array.isArray(fields) ? fields as readonly (readonly [string, string])[] : Object.entries(fields as Readonly<Record<string, string>>)
  return Buffer.concat(pairs.flatMap(([name, value]) =>
    [Buffer.from([0, ...length(Buffer.byteLength(name, 'latin1'))]), Buffer.from(name, 'latin1'), Buffer.from(length(Buffer.byteLength(value, 'latin1'))), Buffer.from(value, 'latin1')]))
}

export interface Frames {
  readonly socket: tls.TLSSocket
  /** Streams that were answered or reset. */
  readonly ended: ReadonlySet<number>
  /** The connection is given up by the other side. */
  readonly isOver: () => boolean
  write(...frames: readonly Buffer[]): void
  close(): void
}

/** A frame of the other side. */
export interface Heard {
  readonly type: keyof typeof TYPES | undefined
  readonly flags: number
  readonly stream: number
  readonly body: Buffer
}

/**
 * A connection to a host of the catalogue, with the preface and empty settings sent. `settings`: pairs of identifier and value; `hear` is
 * told of every frame.
 */
export async function openFrames(
  world: Pick<World, 'proxy' | 'caFile'>, host: string, settings: readonly (readonly [number, number])[] = [], hear: (heard: Heard) => void = () => undefined,
): Promise<Frames> {
  const socket = await secure(world, (await connect(world, `${host}:443`)).socket, host, { alpn: ['h2'] })
  const ended = new Set<number>()
  let over = false
  let bytes: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const type = bytes[3]
      const stream = bytes.readUInt32BE(5)
      if (type === TYPES.goaway) over = true
      if (type === TYPES.reset || (((bytes[4] ?? 0) & END_STREAM) !== 0 && (type === TYPES.headers || type === TYPES.data))) ended.add(stream)
      const end = 9 + bytes.readUIntBE(0, 3)
      hear({ type: NAMES.get(type), flags: bytes[4] ?? 0, stream, body: bytes.subarray(9, end) })
      bytes = bytes.subarray(end)
    }
  })
  for (const event of ['end', 'close'] as const) socket.on(event, () => { over = true })
  const body = Buffer.alloc(settings.length * 6)
  settings.forEach(([id, value], i) => {
    body.writeUInt16BE(id, i * 6)
    body.writeUInt32BE(value, i * 6 + 2)
  })
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings', 0, 0, body)]))
  return {
    socket, ended,
    isOver: () => over,
    write(...frames) {
      if (socket.writable) socket.write(Buffer.concat(frames))
    },
    close: () => socket.destroy(),
  }
}
