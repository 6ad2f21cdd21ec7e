/** Certificate chains of any kind, good and bad, and what openssl says of their revocation. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import forge from 'node-forge'

const { pki } = forge
const DAY = 86_400_000

export interface Issued {
  readonly certificate: forge.pki.Certificate
  readonly privateKey: forge.pki.rsa.PrivateKey
  readonly cert: string
  readonly key: string
}

export interface Wanted {
  readonly name: string
  /** DNS names; none: no subjectAltName at all. */
  readonly names?: readonly string[]
  /** Who signs; left out: itself. */
  readonly by?: Pick<Issued, 'certificate' | 'privateKey'>
  readonly ca?: boolean
  readonly bits?: number
  readonly digest?: 'sha256' | 'sha1' | 'md5'
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly usage?: 'serverAuth' | 'clientAuth' | 'none'
  readonly more?: readonly object[]
}

const keys = new Map<string, forge.pki.rsa.KeyPair>()
let serial = 0x1000

/** A certificate with its key; one key for all of the same name and size. */
export function issue({ name, names = [], by, ca = false, bits = 2048, digest = 'sha256', from = -60, to = 7, usage = 'serverAuth', more = [] }: Wanted): Issued {
  const pair = keyPair(`${name} ${bits}`, bits)
  const certificate = pki.createCertificate()
  certificate.publicKey = pair.publicKey
  certificate.serialNumber = (serial += 1).toString(16)
  certificate.validity.notBefore = new Date(Date.now() + from * DAY)
  certificate.validity.notAfter = new Date(Date.now() + to * DAY)
  const subject = [{ name: 'commonName', value: name }]
  certificate.setSubject(subject)
  certificate.setIssuer(by === undefined ? subject : by.certificate.subject.attributes)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: ca, critical: true },
    ...ca ? [{ name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }] : usage === 'none' ? [] : [{ name: 'extKeyUsage', [usage]: true }],
    ...names.length === 0 ? [] : [{ name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) }],
    ...more,
  ])
  certificate.sign(by?.privateKey ?? pair.privateKey, forge.md[digest].create())
  return { certificate, privateKey: pair.privateKey, cert: pki.certificateToPem(certificate), key: pki.privateKeyToPem(pair.privateKey) }
}

function keyPair(id: string, bits: number): forge.pki.rsa.KeyPair {
  const known = keys.get(id)
  if (known !== undefined) return known
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const key = pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString())
  const pair = { privateKey: key, publicKey: pki.setRsaPublicKey(key.n, key.e) }
  keys.set(id, pair)
  return pair
}

export interface Registry {
  /** A revocation list (PEM) of the authority, in a file. */
  crl(revoked: readonly Issued[], days?: number): Promise<string>
  /** An OCSP response (DER) for a certificate of the authority. */
  ocsp(leaf: Issued, isRevoked: boolean): Promise<Buffer>
  file(name: string, text: string): Promise<string>
  close(): Promise<void>
}

/** What an authority says of its certificates, as openssl writes it. */
export async function openRegistry(authority: Issued): Promise<Registry> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-test-chains-'))
  const run = async (...args: string[]): Promise<void> => { await promisify(execFile)('openssl', args, { cwd: dir }) }
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text)
    return join(dir, name)
  }
  await file('ca.pem', authority.cert)
  await file('ca.key', authority.key)
  await file('ca.cnf', '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ndefault_md=sha256\n')
  const row = (status: string, { certificate }: Issued): string =>
    `${status}\t491231235959Z\t${status === 'R' ? '260101000000Z' : ''}\t${certificate.serialNumber.toUpperCase()}\tunknown\t/CN=x\n`
  let made = 0
  return {
    file,
    async crl(revoked, days = 7) {
      await file('index.txt', revoked.map((one) => row('R', one)).join(''))
      const name = `crl-${made += 1}.pem`
      const at = (ms: number): string => `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`
      await run('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-out', name,
        '-crl_lastupdate', at(Date.now() - 30 * DAY), '-crl_nextupdate', at(Date.now() + days * DAY))
      return join(dir, name)
    },
    async ocsp(leaf, isRevoked) {
      await file('index.txt', row(isRevoked ? 'R' : 'V', leaf))
      await file('leaf.pem', leaf.cert)
      await run('ocsp', '-issuer', 'ca.pem', '-cert', 'leaf.pem', '-reqout', 'request.der')
      await run('ocsp', '-index', 'index.txt', '-CA', 'ca.pem', '-rsigner', 'ca.pem', '-rkey', 'ca.key', '-reqin', 'request.der',
        '-respout', 'response.der', '-ndays', '7')
      return readFile(join(dir, 'response.der'))
    },
    close: () => rm(dir, { recursive: true, force: true }),
  }
}
