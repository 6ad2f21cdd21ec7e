/** Debian's slapd, with TLS, on free ports: a directory of people and groups, with the memberOf overlay. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'ldapts'

const SLAPD = '/usr/sbin/slapd'
export const BASE = 'dc=contoso,dc=example'
export const PEOPLE = `ou=people,${BASE}`
export const GROUPS = `ou=groups,${BASE}`
export const READER = `cn=sluice,${BASE}`
export const READER_PASSWORD = 'FAKE-reader'

export interface Slapd {
  readonly port: number
  readonly tlsPort: number
  /** The root that signed its certificate (localhost, 127.0.0.1, and `address`). */
  readonly caFile: string
  /** A root that did not. */
  readonly otherCaFile: string
  /** An address of this machine that is not loopback; null: it has none. */
  readonly address: string | null
  /** Runs `work` as the directory's administrator. */
  readonly administrate: (work: (client: Client) => Promise<void>) => Promise<void>
  readonly start: () => Promise<void>
  /** Ends it; its ports and contents stay. */
  readonly stop: () => Promise<void>
  /** Freezes it: it takes connections and answers nothing, until it is thawed. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => void
  readonly close: () => Promise<void>
}

/** False where slapd is there; else why not, for tap's `skip`. */
export function noSlapd(): string | false {
  return existsSync(SLAPD) ? false : 'slapd is not installed'
}

/** `people`: uid → password; `groups`: cn → uids. */
export async function startSlapd(people: Readonly<Record<string, string>>, groups: Readonly<Record<string, readonly string[]>>): Promise<Slapd> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-slapd-'))
  await mkdir(join(dir, 'data'))
  const address = Object.values(networkInterfaces()).flat().find(one => one?.family === 'IPv4' && !one.internal)?.address ?? null
  const caFile = certificates(dir, ['DNS:localhost', 'IP:127.0.0.1', ...(address === null ? [] : [`IP:${address}`])])
  const otherCaFile = selfSigned(dir, 'other')
  const conf = join(dir, 'slapd.conf')
  await writeFile(conf, configuration(dir))
  await writeFile(join(dir, 'start.ldif'), ldif(people))
  execFileSync('/usr/sbin/slapadd', ['-f', conf, '-l', join(dir, 'start.ldif')], { stdio: ['ignore', 'ignore', 'pipe'] })
  const [port, tlsPort] = [await freePort(), await freePort()]
  let child: ChildProcess | null = null
  const slapd: Slapd = {
    port, tlsPort, caFile, otherCaFile, address,
    async administrate(work) {
      const client = new Client({ url: `ldap://127.0.0.1:${port}`, timeout: 5_000 })
      await client.bind(`cn=admin,${BASE}`, 'FAKE-admin')
      await work(client)
      await client.unbind()
    },
    async start() {
      child = spawn(SLAPD, ['-d', '0', '-f', conf, '-h', `ldap://0.0.0.0:${port} ldaps://0.0.0.0:${tlsPort}`], { stdio: 'ignore' })
      for (let i = 0; i < 200; i++) {
        if (await answers(port) && await answers(tlsPort)) return
        await sleep(50)
      }
      throw new Error('slapd did not start')
    },
    async stop() {
      const running = child
      child = null
      if (running === null || running.exitCode !== null) return
      const ended = new Promise(resolve => running.once('close', resolve))
      running.kill('SIGCONT')
      running.kill('SIGTERM')
      const timer = setTimeout(() => running.kill('SIGKILL'), 3_000)
      await ended
      clearTimeout(timer)
    },
    async freeze() {
      child?.kill('SIGSTOP')
      // Each thread stops for itself.
      const tasks = `/proc/${child?.pid ?? 0}/task`
      const isStopped = (): boolean => readdirSync(tasks).every(task => / T /.test(readFileSync(join(tasks, task, 'stat'), 'utf8')))
      for (let i = 0; i < 200 && !isStopped(); i++) await sleep(10)
    },
    thaw() { child?.kill('SIGCONT') },
    async close() {
      await slapd.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
  await slapd.start()
  // By the running server: slapadd leaves memberOf out.
  await slapd.administrate(async (client) => {
    for (const [cn, uids] of Object.entries(groups)) {
      await client.add(`cn=${cn.replaceAll(/[,+"\\<>;]/g, '\\$&')},${GROUPS}`, {
        objectClass: 'groupOfNames', cn, member: uids.map(uid => `uid=${uid},${PEOPLE}`),
      })
    }
  })
  return slapd
}

function configuration(dir: string): string {
  return `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile ${dir}/slapd.pid
TLSCACertificateFile ${dir}/ca.pem
TLSCertificateFile ${dir}/leaf.pem
TLSCertificateKeyFile ${dir}/leaf.key
# As OpenLDAP never is by itself, and other services are: a bind without a password succeeds.
allow bind_anon_dn bind_anon_cred
database mdb
suffix "${BASE}"
rootdn "cn=admin,${BASE}"
rootpw FAKE-admin
directory ${dir}/data
maxsize 10485760
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${READER}" read by * none
`
}

function ldif(people: Readonly<Record<string, string>>): string {
  return [
    `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Contoso\ndc: contoso`,
    `dn: ${PEOPLE}\nobjectClass: organizationalUnit\nou: people`,
    `dn: ${GROUPS}\nobjectClass: organizationalUnit\nou: groups`,
    `dn: ${READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: sluice\nuserPassword: ${READER_PASSWORD}`,
    ...Object.entries(people).map(([uid, password]) => `dn: uid=${uid},${PEOPLE}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n` +
      `mail: ${uid}@contoso.example\nuserPassword: ${password}`),
  ].join('\n\n') + '\n'
}

function certificates(dir: string, names: readonly string[]): string {
  const ca = selfSigned(dir, 'ca')
  const file = (name: string): string => join(dir, name)
  openssl(['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('leaf.key'), '-out', file('leaf.csr'), '-subj', '/CN=localhost',
    '-addext', `subjectAltName=${names.join(',')}`])
  openssl(['x509', '-req', '-in', file('leaf.csr'), '-CA', ca, '-CAkey', file('ca.key'), '-days', '7', '-copy_extensions', 'copy', '-out', file('leaf.pem')])
  return ca
}

function selfSigned(dir: string, name: string): string {
  const out = join(dir, `${name}.pem`)
  openssl(['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(dir, `${name}.key`), '-out', out,
    '-subj', `/CN=Directory ${name}`, '-days', '7'])
  return out
}

function openssl(args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => { resolve(false) })
  })
}
