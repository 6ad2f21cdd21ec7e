/**
 * Makes a clean clone ready: installs the locked packages, Node itself among them, and for tests (`--for-…`) also those
 * that only tests need and the Debian programs that they drive. Plain JavaScript without dependencies, since it runs on
 * whatever Node the machine has; what comes after it runs on the Node that it installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Program (or absolute path) that shows whether a Debian package is there, and its package. */
const PROGRAMS = { 'redis-server': 'redis-server', rclone: 'rclone', curl: 'curl', openssl: 'openssl' }
const PYTHON = '/usr/lib/python3/dist-packages'
const SLOW_PROGRAMS = {
  chromium: 'chromium', certutil: 'libnss3-tools', onedrive: 'onedrive', cadaver: 'cadaver', megatools: 'megatools',
  nextcloudcmd: 'nextcloud-desktop-cmd', 'mount.davfs': 'davfs2', '/usr/sbin/slapd': 'slapd',
  '/usr/sbin/krb5kdc': 'krb5-kdc', '/usr/sbin/kadmin.local': 'krb5-admin-server', kinit: 'krb5-user', faketime: 'faketime',
  prometheus: 'prometheus', '/usr/sbin/rsyslogd': 'rsyslog', '/usr/lib/x86_64-linux-gnu/rsyslog/imrelp.so': 'rsyslog-relp',
  '/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so': 'rsyslog-gnutls',
  [`${PYTHON}/dropbox`]: 'python3-dropbox', [`${PYTHON}/googleapiclient`]: 'python3-googleapi',
}
/** What Sluice is measured against. */
const BENCH_PROGRAMS = { openssl: 'openssl', '/usr/sbin/squid': 'squid-openssl', mitmdump: 'mitmproxy' }

installPackages()
if (process.argv.includes('--for-tests')) installPrograms(PROGRAMS)
if (process.argv.includes('--for-slow-tests')) installPrograms({ ...PROGRAMS, ...SLOW_PROGRAMS })
if (process.argv.includes('--for-bench')) installPrograms(BENCH_PROGRAMS)

function installPackages() {
  const forTests = process.argv.some((argument) => argument.startsWith('--for-'))
  const hasTests = packagesOfTests().every((name) => existsSync(join(root, 'node_modules', name)))
  const lock = join(root, 'package-lock.json')
  const installed = join(root, 'node_modules', '.package-lock.json')
  const isLocked = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs
  if (isLocked && nodeIsThere() && (hasTests || !forTests)) return
  console.error('sluice: installing packages (npm ci) …')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  // Who only runs Sluice is spared the larger part. Who has it keeps it.
  if (!forTests && !hasTests) args.push('--omit=dev')
  const result = npm === undefined
    ? spawnSync('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    : spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (result.status !== 0) fail('the packages could not be installed', 'See what npm says above, and try again.')
  if (!nodeIsThere()) {
    fail('the Node that package.json names was not installed', 'Its install script must be allowed to run: npm ci --allow-scripts=node, or install Node 24.18.1 or newer yourself.')
  }
}

function packagesOfTests() {
  return Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies)
}

/** Either the packaged Node, or one of the machine's own that is new enough. */
function nodeIsThere() {
  const packaged = join(root, 'node_modules', 'node', 'bin', 'node')
  if (existsSync(packaged)) return true
  const minimum = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '').split('.').map(Number)
  const own = process.versions.node.split('.').map(Number)
  for (let i = 0; i < 3; i++) if (own[i] !== minimum[i]) return own[i] > minimum[i]
  return true
}

function installPrograms(programs) {
  const missing = Object.entries(programs).filter(([program]) => !isOnPath(program)).map(([, name]) => name)
  if (missing.length === 0) return
  const how = `apt-get install ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) {
    console.error(`sluice: not installed: ${missing.join(', ')}. What needs them is skipped. Install them as root: ${how}`)
    return
  }
  console.error(`sluice: ${how} …`)
  // RUNLEVEL=1 keeps Debian's scripts from starting the services.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] }
  spawnSync('apt-get', ['update', '-qq'], quiet)
  const result = spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], quiet)
  if (result.status !== 0) console.error(`sluice: ${how} failed; what needs them is skipped`)
}

function isOnPath(program) {
  if (program.startsWith('/')) return existsSync(program)
  return (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)))
}

function fail(what, remedy) {
  console.error(`sluice: ${what}. ${remedy}`)
  process.exit(1)
}
