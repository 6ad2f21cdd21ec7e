/** Squid of Debian (squid-openssl), one worker, no cache: opening tunnels as its documentation shows, or passing them on. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, startProgram } from './target.ts'
import type { Ground, Target } from './target.ts'

export const SQUID = '/usr/sbin/squid'
const CERTGEN = '/usr/lib/squid/security_file_certgen'
/**
 * Instead of 512 KB: once that is full, Squid 5.7 reads nothing, takes nothing for the client's end, and breaks off. Half of the uploads
 * did, where the client was faster than the origin.
 */
const REQUEST_BUFFER = '16 MB'
const run = promisify(execFile)

export async function startSquid(ground: Ground, isOpening: boolean): Promise<Target> {
  const { dir, hosts, origin, originCaFile } = ground
  const port = await freePort()
  const ca = isOpening ? await makeCa(dir) : origin.ca
  if (isOpening) await run(CERTGEN, ['-c', '-s', join(dir, 'certificates'), '-M', '4MB'])
  await writeFile(join(dir, 'hosts'), hosts.map(host => `127.0.0.1 ${host}\n`).join(''))
  await writeFile(join(dir, 'origin.pem'), await readFile(originCaFile))
  await writeFile(join(dir, 'squid.conf'), [
    isOpening
      ? `http_port 127.0.0.1:${port} ssl-bump tls-cert=${join(dir, 'ca.pem')} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB`
      : `http_port 127.0.0.1:${port}`,
    ...isOpening ? [
      `sslcrtd_program ${CERTGEN} -s ${join(dir, 'certificates')} -M 4MB`,
      `tls_outgoing_options cafile=${join(dir, 'origin.pem')}`,
      'acl step1 at_step SslBump1', 'ssl_bump peek step1', 'ssl_bump bump all',
    ] : [],
    'http_access allow all', 'cache deny all', 'workers 1', 'pinger_enable off', 'shutdown_lifetime 0 seconds',
    `client_request_buffer_max_size ${REQUEST_BUFFER}`,
    `hosts_file ${join(dir, 'hosts')}`, `pid_filename ${join(dir, 'squid.pid')}`, `coredump_dir ${dir}`,
    `cache_log ${join(dir, 'cache.log')}`, `access_log ${join(dir, 'access.log')}`, '',
  ].join('\n'))
  await giveToSquid(dir)
  return { ...await startProgram(SQUID, ['-N', '-f', join(dir, 'squid.conf')], dir, port), proxyPort: port, originPort: origin.port, ca }
}

/** RSA of 2048 bits, as its documentation makes it. */
async function makeCa(dir: string): Promise<string> {
  const [key, cert] = [join(dir, 'ca.key'), join(dir, 'ca.crt')]
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '7', '-subj', '/CN=bench',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-keyout', key, '-out', cert])
  const pem = await readFile(cert, 'utf8')
  await writeFile(join(dir, 'ca.pem'), pem + await readFile(key, 'utf8'))
  return pem
}

/** Started by root it becomes another user, and what it writes must be his. */
async function giveToSquid(dir: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const [user, group] = await Promise.all((['-u', '-g'] as const).map(async which => Number((await run('id', [which, 'proxy'])).stdout)))
  if (user === undefined || group === undefined) return
  await run('chown', ['-R', `${user}:${group}`, dir])
}
