import { execFile, execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openAuthority } from '../../certs/authority.ts'
import type { Authority, AuthorityOptions } from '../../certs/authority.ts'
import { emptyName } from '../../certs/certificate.ts'
import * as extensions from '../../certs/extensions.ts'
import type { AltName } from '../../certs/extensions.ts'
import { prepareSuccessor, switchToSuccessor } from '../../certs/renew.ts'

export const DAY = 86_400_000
export const DOMAINS = ['dropbox.com', 'dropboxapi.com', 'sharepoint.com']

/** An authority in a directory of its own below `dir`. */
export const open = (dir: string, options: Partial<AuthorityOptions> = {}): Promise<Authority> =>
  openAuthority({ dir: join(dir, 'ca'), constrain: 'catalogue', domains: DOMAINS, ...options })

/** Both steps of a renewal of that authority: prepares a successor and switches to it. */
export async function renew(dir: string, domains: readonly string[], now?: Date): Promise<Authority> {
  const options: AuthorityOptions = {
    dir: join(dir, 'ca'), constrain: 'catalogue', domains, ...now === undefined ? {} : { now: () => now },
  }
  await prepareSuccessor(options)
  return await switchToSuccessor(options)
}

export function leafKey(): { pem: string; spki: Buffer; key: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    key: privateKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    spki: publicKey.export({ type: 'spki', format: 'der' }),
  }
}

/** A leaf that `issueLeaf` would refuse: what someone with a stolen CA key would make. */
export function forgeLeaf(authority: Authority, name: AltName, spki: Buffer): string {
  return authority.sign({
    subject: emptyName(),
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    publicKey: spki,
    extensions: [
      extensions.keyUsageLeaf(),
      extensions.serverAuthOnly(),
      extensions.subjectAltName(name),
      ...authority.keyId === null ? [] : [extensions.authorityKeyId(authority.keyId)],
    ],
  })
}

/** Runs openssl; throws with its words when it fails. */
export const openssl = (cwd: string, ...args: string[]): string =>
  execFileSync('openssl', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** What `openssl verify` says of a leaf PEM with its chain; never throws. */
export function verify(dir: string, leafAndChain: string, trust: string, ...args: string[]): Promise<string> {
  const [leaf = '', ...chain] = leafAndChain.split(/(?<=-----END CERTIFICATE-----\n)/)
  writeFileSync(join(dir, 'verify-leaf.pem'), leaf)
  writeFileSync(join(dir, 'verify-chain.pem'), chain.join(''))
  writeFileSync(join(dir, 'verify-trust.pem'), trust)
  const untrusted = chain.length === 0 ? [] : ['-untrusted', 'verify-chain.pem']
  const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'verify-trust.pem']
  return new Promise(done => {
    execFile('openssl', [...strict, ...untrusted, ...args, 'verify-leaf.pem'], { cwd: dir, encoding: 'utf8' },
      (_error, stdout, stderr) => done(stdout + stderr))
  })
}

/** An organisation's own hierarchy, made by openssl: root.{key,crt} and issuing.{key,crt} in `dir`. */
export function makeHierarchy(dir: string, kind: 'rsa' | 'ec', constraints = ''): void {
  const algorithm = kind === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  openssl(dir, 'req', '-x509', '-newkey', ...algorithm, '-noenc', '-keyout', 'root.key', '-out', 'root.crt',
    '-subj', '/O=Example/CN=Example Root', '-days', '30', '-addext', 'basicConstraints=critical,CA:TRUE', ...usage)
  openssl(dir, 'req', '-new', '-newkey', ...algorithm, '-noenc', '-keyout', 'issuing.key', '-out', 'issuing.csr',
    '-subj', '/O=Example/CN=Example Issuing')
  writeFileSync(join(dir, 'issuing.ext'),
    `basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n` +
    `authorityKeyIdentifier=keyid\n${constraints}\n`)
  openssl(dir, 'x509', '-req', '-in', 'issuing.csr', '-CA', 'root.crt', '-CAkey', 'root.key', '-CAcreateserial',
    '-out', 'issuing.crt', '-days', '20', '-extfile', 'issuing.ext')
}

export const read = (...path: string[]): string => readFileSync(join(...path), 'utf8')
export const privateKey = (...path: string[]): KeyObject => createPrivateKey(read(...path))
