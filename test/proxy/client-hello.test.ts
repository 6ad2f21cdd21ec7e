import net from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { HelloReader, MAX_HELLO, readClientHello } from '../../proxy/client-hello.ts'

/** A ClientHello as OpenSSL really sends it. */
function realHello(options: tls.ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes) => {
        socket.destroy()
        server.close()
        resolve(bytes)
      })
    })
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      tls.connect({ host: '127.0.0.1', port, ...options }).on('error', () => undefined)
    })
  })
}

/** The same handshake message, cut into records of `size` bytes. */
function resplit(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let i = 0; i < message.length; i += size) {
    const part = message.subarray(i, i + size)
    records.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

t.test('a real ClientHello', async (t) => {
  const hello = await realHello({ servername: 'content.dropboxapi.com', ALPNProtocols: ['h2', 'http/1.1'] })
  const expected = { is: 'hello', hello: { serverName: 'content.dropboxapi.com', alpn: ['h2', 'http/1.1'], ech: false } }
  t.strictSame(readClientHello(hello), expected)
  for (let i = 0; i < hello.length; i++) t.equal(readClientHello(hello.subarray(0, i)).is, 'more', `cut at ${i}`)
  for (const size of [1, 2, 3, 4, 5, 40, 100]) t.strictSame(readClientHello(resplit(hello, size)), expected, `records of ${size}`)
  t.equal(readClientHello(Buffer.concat([hello, Buffer.from('extra')])).is, 'hello', 'early data does not matter')
})

t.test('without a name', async (t) => {
  const hello = await realHello({ servername: '' })
  t.match(readClientHello(hello), { is: 'hello', hello: { serverName: null } })
})

t.test('what is no TLS', async (t) => {
  for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0-x', '\x80\x2e', '\x16\x02']) t.equal(readClientHello(Buffer.from(text, 'latin1')).is, 'not-tls', text)
})

t.test('records of one byte, a byte at a time, take linear time', (t) => {
  const message = Buffer.alloc(10_900)
  message.set([1, 0, 0xea, 0x60])
  const records = resplit(Buffer.concat([Buffer.alloc(5), message]), 1)
  const started = process.cpuUsage()
  const reader = new HelloReader()
  let waiting = 0
  for (const byte of records) if (reader.take(Buffer.from([byte])).is === 'more') waiting++
  t.equal(waiting, records.length)
  // Of processor time; reading anew from the start with each byte takes 5 s and more.
  const { user } = process.cpuUsage(started)
  t.ok(user < 2e6, `${Math.round(user / 1000)} ms`)
  t.end()
})

t.test('what is broken or endless', async (t) => {
  const hello = await realHello({ servername: 'a.example' })
  const twice = Buffer.from(hello)
  const at = twice.indexOf('a.example')
  t.ok(at > 0)
  t.equal(readClientHello(Buffer.from([0x16, 3, 1, 0, 0])).is, 'malformed', 'an empty record')
  t.equal(readClientHello(Buffer.from([0x16, 3, 1, 0x7f, 0xff])).is, 'malformed', 'a record too long')
  t.equal(readClientHello(Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0])).is, 'malformed', 'another handshake message')
  t.equal(readClientHello(Buffer.from([0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])).is, 'malformed', 'a message of 16 MB')
  const endless = Buffer.concat(Array.from({ length: MAX_HELLO / 3 }, () => Buffer.from([0x16, 3, 1, 0, 1, 1])).slice(0, 1))
  t.equal(readClientHello(endless).is, 'more')
  const truncated = Buffer.from(hello)
  truncated.writeUInt16BE(0xffff, 5 + 4 + 2 + 32 + 1 + (truncated[5 + 4 + 34] ?? 0))
  t.equal(readClientHello(truncated).is, 'malformed', 'a cipher list past the end')
})

t.test('random bytes never throw', async (t) => {
  let seed = 42
  const random = (): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff)
  const hello = await realHello({ servername: 'a.example', ALPNProtocols: ['h2'] })
  for (let i = 0; i < 5000; i++) {
    const bytes = Buffer.from(hello)
    for (let n = random() % 8; n >= 0; n--) bytes[random() % bytes.length] = random() & 255
    readClientHello(bytes)
  }
  t.pass('5,000 mutations')
})
