/** The reader of the first bytes of a tunnel, which anybody may send. */
import { deepStrictEqual } from 'node:assert/strict'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { HelloReader, MAX_HELLO, readClientHello } from '../../../proxy/client-hello.ts'
import type { HelloReading } from '../../../proxy/client-hello.ts'
import { hold } from '../target.ts'
import type { Target } from '../target.ts'

const CUTS = [1, 2, 4, 5, 6, 9, 10, 43, 44]

export const target: Target = {
  name: 'client-hello',
  sources: ['proxy/client-hello.ts'],
  dictionary: ['\x16\x03\x01', '\x16\x03\x03', '\x01\x00', '\x00\x00', '\x00\x10', '\xfe\x0d', '\x02h2', '\x08http/1.1', '\x00\x09a.example', '\x16\x03\x01\x00\x01'],
  maxLength: MAX_HELLO + 1024,
  open: async () => {
    await agreesWithOpenSsl()
    return { starts: starts(), run }
  },
}

function run(bytes: Buffer): void {
  const whole = readClientHello(bytes)
  deepStrictEqual(readClientHello(within(bytes)), whole, 'what stands behind the bytes counts')
  hold(whole.is !== 'more' || bytes.length < MAX_HELLO, 'it waits for more than a hello may have')
  for (const cut of [...CUTS, bytes.length >> 1, bytes.length - 1]) {
    if (cut < 0 || cut >= bytes.length) continue
    const part = readClientHello(bytes.subarray(0, cut))
    if (part.is !== 'more') deepStrictEqual(part, whole, `the first ${cut} bytes are read in another way`)
  }
  for (const size of [1, 3, 64]) deepStrictEqual(inPieces(bytes, size), whole, `pieces of ${size} bytes are read in another way`)
  if (whole.is !== 'hello') return
  const { serverName, alpn } = whole.hello
  hold(serverName === null || (serverName.length > 0 && serverName.length <= 255), 'the name has no length that a name may have')
  hold(alpn.join('').length <= bytes.length, 'there is more in ALPN than was sent')
  const message = joined(bytes)
  for (const size of [1, 7, 300, 16384]) deepStrictEqual(readClientHello(records(message, size)), whole, `records of ${size} bytes are read in another way`)
}

/** As they arrive. */
function inPieces(bytes: Buffer, size: number): HelloReading {
  const reader = new HelloReader()
  let reading: HelloReading = { is: 'more' }
  for (let at = 0; reading.is === 'more' && at < bytes.length; at += size) reading = reader.take(bytes.subarray(at, at + size))
  return reading
}

/** The same bytes with others before and behind them in memory. */
function within(bytes: Buffer): Buffer {
  const memory = Buffer.alloc(bytes.length + 64, 0x16)
  bytes.copy(memory, 32)
  return memory.subarray(32, 32 + bytes.length)
}

/** The handshake message of a hello that was read: no more than it says it has. */
function joined(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) parts.push(bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3)))
  const message = Buffer.concat(parts)
  return message.subarray(0, 4 + message.readUIntBE(1, 3))
}

function records(message: Buffer, size: number): Buffer {
  const made: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    made.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(made)
}

function withLength(bytes: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = Buffer.alloc(bytes)
  length.writeUIntBE(body.length, 0, bytes)
  return Buffer.concat([length, body])
}

function extension(type: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), withLength(2, ...parts)])
}

function starts(): Buffer[] {
  const name = extension(0, withLength(2, Buffer.from([0]), withLength(2, Buffer.from('content.dropboxapi.com'))))
  const alpn = extension(16, withLength(2, withLength(1, Buffer.from('h2')), withLength(1, Buffer.from('http/1.1'))))
  const hidden = extension(0xfe0d, Buffer.from([0, 0, 1, 0, 1]), withLength(2, Buffer.alloc(8)))
  const grease = extension(0x0a0a)
  const message = (...extensions: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from([1]), withLength(3,
    Buffer.from([3, 3]), Buffer.alloc(32, 7), withLength(1, Buffer.alloc(4)), withLength(2, Buffer.from([0x13, 1, 0x13, 2])), withLength(1, Buffer.from([0])),
    ...extensions.length === 0 ? [] : [withLength(2, ...extensions)])])
  const messages = [message(), message(name), message(name, alpn), message(grease, name, alpn, hidden), message(alpn, extension(0))]
  return [...messages.map(each => records(each, 16384)), records(message(name, alpn), 11), Buffer.from('GET / HTTP/1.1\r\n'), Buffer.from('SSH-2.0-x')]
}

/** What OpenSSL sends is read as what it was asked to send. */
async function agreesWithOpenSsl(): Promise<void> {
  for (const [servername, protocols] of [['content.dropboxapi.com', ['h2', 'http/1.1']], ['a.example', []], ['', ['http/1.1']]] as const) {
    const expected: HelloReading = { is: 'hello', hello: { serverName: servername === '' ? null : servername, alpn: [...protocols], ech: false } }
    deepStrictEqual(readClientHello(await helloOf({ servername, ...protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] } })), expected)
  }
}

function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer) => {
        resolve(chunk)
        socket.destroy()
      },
    })
    tls.connect({ socket, ...options }).on('error', () => undefined)
  })
}
