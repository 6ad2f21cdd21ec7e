/** What no single key's schema can say: keys whose feature is not built, and keys that depend on each other. */
import type { Fault } from '../policy/errors.ts'
import type { ConfigValues } from './config-schema.ts'
import { formatAddress, isLoopback } from './config-values.ts'

/** Path, whether the value asks for what is not there, and what can be had instead. */
type Unavailable = readonly [path: string, asked: (config: ConfigValues) => boolean, instead: string]

// Accepted and ignored, each of these would be believed to protect somebody.
const UNAVAILABLE: readonly Unavailable[] = [
  ['proxy.trustedPeers', c => c.proxy.trustedPeers.length > 0, 'leave it empty'],
  ['intercept.mode', c => c.intercept.mode === 'all', 'set providers'],
  ['store.url', c => /^redis\+/.test(c.store.url), 'use redis:// or rediss:// with one server'],
]

export function ruleFaults(config: ConfigValues): Fault[] {
  const faults = UNAVAILABLE.filter(([, asked]) => asked(config)).map(([path, , instead]) =>
    ({ path, message: `is not available in this version with that value; ${instead}` }))

  const open = config.proxy.listen.find(address => !isLoopback(address))
  const { auth, clients, tls, publicUrl } = config.proxy
  if (open !== undefined && clients.length === 0 && auth === 'none') {
    faults.push({
      path: 'proxy.clients',
      message: `must name the networks that may use the proxy, or proxy.auth be basic, because proxy.listen ${formatAddress(open)} is not loopback`,
    })
  }
  if (auth === 'basic' && config.people.file === null && config.people.ldap === null) {
    faults.push({ path: 'proxy.auth', message: 'must be none, or people.file or people.ldap say who knows the passwords' })
  }
  if (auth === 'negotiate' && config.people.kerberos === null) {
    faults.push({ path: 'proxy.auth', message: 'must be another than negotiate, or people.kerberos name the keytab with the key of the proxy' })
  }
  if (auth !== 'negotiate' && config.people.kerberos !== null) {
    faults.push({ path: 'people.kerberos', message: `must be null while proxy.auth is ${auth}, or proxy.auth be negotiate` })
  }
  if (auth === 'mtls' && tls?.clientCa === undefined) {
    faults.push({ path: 'proxy.auth', message: 'must be another than mtls, or proxy.tls.clientCa name the authority that signs for clients' })
  }
  if (tls !== null && publicUrl?.startsWith('https:') === false) {
    faults.push({ path: 'proxy.publicUrl', message: 'must begin with https:// because proxy.tls is set' })
  }
  if (!isLoopback(config.admin.listen) && config.admin.tls === null && !config.admin.insecure) {
    faults.push({
      path: 'admin.listen',
      message: `must be a loopback address; for ${formatAddress(config.admin.listen)} set admin.tls: { cert, key }, ` +
        'or admin.insecure: true where something in front of it brings TLS',
    })
  }
  if (config.events.retention < 3_600_000) faults.push({ path: 'events.retention', message: 'must be at least 1h' })
  const taken = new Set<string>()
  const all = [
    ...config.proxy.listen.map(address => ({ path: 'proxy.listen', address })),
    { path: 'admin.listen', address: config.admin.listen },
    ...config.admin.healthListen === null ? [] : [{ path: 'admin.healthListen', address: config.admin.healthListen }],
  ]
  for (const { path, address } of all) {
    const text = formatAddress(address)
    if (address.port !== 0 && taken.has(text)) faults.push({ path, message: `names ${text} a second time` })
    taken.add(text)
  }
  return faults
}
