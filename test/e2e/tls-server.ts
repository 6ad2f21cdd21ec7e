/** TLS servers with certificates of any kind, good and bad, and a handler on the raw decrypted stream. */
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import forge from 'node-forge'

const { pki } = forge
const DAY = 86_400_000

export interface Leaf {
  readonly cert: string
  readonly key: string
}

export interface LeafOptions {
  /** DNS names; none: no subjectAltName at all. */
  readonly names?: readonly string[]
  readonly commonName?: string
  readonly emails?: readonly string[]
  /** For a client, not a server. */
  readonly client?: boolean
  /** Days from now until it ends; negative: it has ended. */
  readonly days?: number
  readonly selfSigned?: boolean
}

export interface Authority {
  readonly pem: string
  readonly file: string
  leaf(options: LeafOptions): Leaf
  close(): Promise<void>
}

/** An authority of the test's own (RSA-2048), with its root in a file. */
export async function makeAuthority(): Promise<Authority> {
  const root = keyPair()
  const own = keyPair()
  const name = [{ name: 'commonName', value: 'A test authority' }]
  const cert = unsigned(root.publicKey, name, name, 30)
  cert.setExtensions([{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }])
  cert.sign(root.privateKey, forge.md.sha256.create())
  const pem = pki.certificateToPem(cert)
  const dir = await mkdtemp(join(tmpdir(), 'sluice-test-ca-'))
  const file = join(dir, 'root.pem')
  await writeFile(file, pem)
  return {
    pem, file,
    leaf({ names = [], emails = [], client = false, commonName = names[0] ?? 'nobody', days = 7, selfSigned = false }) {
      const subject = [{ name: 'commonName', value: commonName }]
      const leaf = unsigned(own.publicKey, subject, selfSigned ? subject : name, days)
      leaf.setExtensions([
        { name: 'basicConstraints', cA: false },
        { name: 'extKeyUsage', ...client ? { clientAuth: true } : { serverAuth: true } },
        ...names.length + emails.length === 0 ? [] : [{
          name: 'subjectAltName', altNames: [...names.map((value) => ({ type: 2, value })), ...emails.map((value) => ({ type: 1, value }))],
        }],
      ])
      leaf.sign(selfSigned ? own.privateKey : root.privateKey, forge.md.sha256.create())
      return { cert: pki.certificateToPem(leaf), key: pki.privateKeyToPem(own.privateKey) }
    },
    close: () => rm(dir, { recursive: true, force: true }),
  }
}

function keyPair(): forge.pki.rsa.KeyPair {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString())
  return { privateKey: key, publicKey: pki.setRsaPublicKey(key.n, key.e) }
}

function unsigned(key: forge.pki.rsa.PublicKey, subject: forge.pki.CertificateField[], issuer: forge.pki.CertificateField[], days: number): forge.pki.Certificate {
  const cert = pki.createCertificate()
  cert.publicKey = key
  cert.serialNumber = `01${Math.floor(Math.random() * 2 ** 40).toString(16).padStart(12, '0')}`
  cert.validity.notBefore = new Date(Date.now() - 60 * DAY)
  cert.validity.notAfter = new Date(Date.now() + days * DAY)
  cert.setSubject(subject)
  cert.setIssuer(issuer)
  return cert
}

export interface TlsServer {
  readonly port: number
  /** `127.0.0.1:port`, or `[::1]:port`. */
  readonly address: string
  /** Decrypted bytes that arrived, over all connections. */
  readonly received: () => Buffer
  /** TLS handshakes that were completed. */
  readonly connections: () => number
  /** Sockets that are open. */
  readonly open: () => number
  /** Closes all connections. */
  drop(): void
  close(): Promise<void>
}

/** Serves TLS on a free port; `handle` gets each connection and `text`, what arrived on it so far, at each arrival. */
export async function startTlsServer(
  leaf: Leaf & Pick<tls.SecureContextOptions, 'maxVersion'>, handle: (socket: tls.TLSSocket, text: string, raw: Socket | undefined) => void, host = '127.0.0.1',
): Promise<TlsServer> {
  const all: Buffer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const raws = new Map<number, Socket>()
  const server = tls.createServer({ ...leaf, ALPNProtocols: ['http/1.1'] }, (socket) => {
    connections += 1
    let text = ''
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      all.push(chunk)
      text += chunk.toString('latin1')
      handle(socket, text, raws.get(socket.remotePort ?? 0))
    })
  })
  server.on('tlsClientError', () => undefined) // a client that does not trust it
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    raws.set(socket.remotePort ?? 0, socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const drop = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port,
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    received: () => Buffer.concat(all),
    connections: () => connections,
    open: () => sockets.size,
    drop,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      drop()
      await closed
    },
  }
}
