/** Debian's KDC on a free port of loopback, with a realm of its own; and curl as the client of a user with tickets. */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createSocket } from 'node:dgram'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const PROGRAMS = ['/usr/sbin/krb5kdc', '/usr/sbin/kadmin.local', '/usr/bin/kinit', '/usr/bin/faketime']
const REALM = 'SLUICE.TEST'

export interface Kdc {
  readonly dir: string
  readonly realm: string
  readonly port: number
  /** What Kerberos programs need to find the realm, and `user`'s tickets (by the name of their cache). */
  readonly env: (user?: string) => Readonly<Record<string, string>>
  /** A line for kadmin.local. */
  readonly administrate: (line: string) => void
  /** Makes keys for `principal`, further ones where it has some, and writes them to the keytab `name`. */
  readonly keytab: (name: string, ...principals: readonly string[]) => string
  /** Signs a user in; `at` (`-2h`): by a clock that goes wrong. */
  readonly signIn: (user: string, at?: string) => void
  readonly start: (at?: string) => Promise<void>
  readonly stop: () => Promise<void>
  readonly close: () => Promise<void>
}

/** False where all is there; else why not, for tap's `skip`. */
export function noKdc(): string | false {
  const missing = PROGRAMS.filter(program => !existsSync(program))
  return missing.length === 0 ? false : `not installed: ${missing.join(', ')}`
}

/** A user's password is his name. `trusted`: another realm, whose services take the users of this one; its KDC must run. */
export async function startKdc(users: readonly string[], { realm = REALM, trusted = null }: { realm?: string, trusted?: Kdc | null } = {}): Promise<Kdc> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-kdc-'))
  const port = await freePort()
  await writeFile(join(dir, 'krb5.conf'), `[libdefaults]
 default_realm = ${realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
[realms]
 ${realm} = {
  kdc = 127.0.0.1:${port}
 }
${trusted === null ? '' : ` ${trusted.realm} = {\n  kdc = 127.0.0.1:${trusted.port}\n }\n`}[domain_realm]
 localhost = ${trusted?.realm ?? realm}
`)
  await writeFile(join(dir, 'kdc.conf'), `[kdcdefaults]
 kdc_listen = 127.0.0.1:${port}
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${realm} = {
  database_name = ${dir}/principal
  key_stash_file = ${dir}/stash
  max_life = 1h
 }
[logging]
 kdc = FILE:${dir}/kdc.log
`)
  const env: Kdc['env'] = (user = 'nobody') => ({
    PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin`, HOME: dir,
    KRB5_CONFIG: join(dir, 'krb5.conf'), KRB5_KDC_PROFILE: join(dir, 'kdc.conf'), KRB5CCNAME: `FILE:${dir}/tickets-${user.replaceAll('/', '-')}`,
  })
  let child: ChildProcess | null = null
  let hasGroup = false
  const kdc: Kdc = {
    dir, realm, port, env,
    administrate(line) { execFileSync('kadmin.local', ['-q', line], { env: env(), stdio: ['ignore', 'ignore', 'pipe'] }) },
    keytab(name, ...principals) {
      const file = join(dir, name)
      for (const principal of principals) kdc.administrate(`ktadd -k ${file} ${principal}`)
      return file
    },
    signIn(user, at) {
      const [program, ...args] = withClock(at, ['kinit', user])
      execFileSync(program, args, { env: env(user), input: `${user}\n`, stdio: ['pipe', 'ignore', 'pipe'] })
    },
    async start(at) {
      const [program, ...args] = withClock(at, ['krb5kdc', '-n'])
      // A group of its own, since faketime stays beside what it starts; else in that of the test, to end with it.
      hasGroup = at !== undefined
      child = spawn(program, args, { env: env(), stdio: 'ignore', detached: hasGroup })
      for (let i = 0; i < 200; i++) {
        if (await answers(port)) return
        await sleep(25)
      }
      throw new Error('the KDC did not start')
    },
    async stop() {
      const running = child
      child = null
      if (running === null || running.exitCode !== null) return
      const ended = new Promise(resolve => running.once('close', resolve))
      const signal = (name: NodeJS.Signals): void => {
        if (hasGroup && running.pid !== undefined) process.kill(-running.pid, name)
        else running.kill(name)
      }
      signal('SIGTERM')
      const timer = setTimeout(() => { signal('SIGKILL') }, 3_000)
      await ended
      clearTimeout(timer)
      for (let i = 0; i < 200 && await answers(port); i++) await sleep(25)
    },
    async close() {
      await kdc.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
  execFileSync('kdb5_util', ['create', '-s', '-r', realm, '-P', 'FAKE-master'], { env: env(), stdio: ['ignore', 'ignore', 'pipe'] })
  for (const user of users) kdc.administrate(`addprinc -pw ${user} ${user}`)
  for (const service of ['HTTP/localhost', 'host/localhost']) kdc.administrate(`addprinc -randkey ${service}`)
  if (trusted !== null) {
    // One key, known to both, with which this realm makes tickets for the other.
    for (const one of [kdc, trusted]) one.administrate(`addprinc -pw FAKE-trust krbtgt/${trusted.realm}@${realm}`)
  }
  await kdc.start()
  return kdc
}

/** The command by a clock that is as far off as `at` says. */
export function withClock(at: string | undefined, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return at === undefined ? command : ['/usr/bin/faketime', '-f', at, ...command]
}

/** The token that curl shows to a proxy at `http://localhost`, as `user`. It is used up only where it is shown. */
export async function tokenOf(kdc: Kdc, user: string, { at, service = 'HTTP' }: { at?: string, service?: string } = {}): Promise<Buffer> {
  let token: string | undefined
  const server = net.createServer((socket) => {
    let head = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      token = /^Proxy-Authorization: Negotiate (\S+)/im.exec(head)?.[1]
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
    })
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const [program, ...args] = withClock(at, ['curl', '-sSv', '--proxy-negotiate', '--proxy-service-name', service, '-U', ':', '-x', `http://localhost:${port}`, 'https://files.example/'])
  const child = spawn(program, args, { env: kdc.env(user), stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
  await new Promise(resolve => child.once('close', resolve))
  server.close()
  if (token === undefined) throw new Error(`curl showed no token: ${said}`)
  return Buffer.from(token, 'base64')
}

/** Free for both protocols that a KDC speaks. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => { socket.once('error', reject).bind(port, '127.0.0.1', resolve) })
  await new Promise<void>(resolve => { socket.close(resolve) })
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
