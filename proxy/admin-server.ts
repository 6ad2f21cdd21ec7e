/** Puts the admin API on its own port, away from the proxy's, with TLS where `admin.tls` is set. */
import https from 'node:https'
import type { FastifyInstance } from 'fastify'
import { buildAdmin } from '../policy/admin/admin.ts'
import { buildHealth } from '../policy/admin/health-server.ts'
import type { Oidc } from '../policy/admin/oidc.ts'
import type { AdminPorts } from '../policy/admin/ports.ts'
import { SluiceError } from '../policy/errors.ts'
import type { BreakGlass } from '../policy/store/store.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { Config } from './config.ts'
import type { Address } from './config-values.ts'
import { formatHostPort } from './host-port.ts'
import type { Logger } from './log.ts'
import type { OpenPeople } from './people/open-people.ts'
import { readPair } from './tls-pair.ts'

export interface Admin {
  readonly address: string
  /** Where `/healthz`, `/readyz` and `/metrics` are answered alone, null where `admin.healthListen` is. */
  readonly healthAddress: string | null
  /** Takes over renewed files of `admin.tls` and the issuer's keys; throws, with all as it was, where they cannot be used. */
  reload(): void
  close(): Promise<void>
}

/** Rejects with `listen.in-use`, `listen.refused`, or what `readPair` and `open`, which opens `admin.oidc`, throw. */
export async function startAdmin(
  config: Config, log: Logger, ports: Omit<AdminPorts, 'access'>, open: () => Oidc | null,
): Promise<Admin> {
  const { limits, trustedPeers, tls } = config.admin
  const first = open()
  let latest = first
  const oidc: Oidc | null = first === null ? null : (token) => (latest ?? first)(token)
  const app = buildAdmin({ ...ports, access: { limits, trustedPeers, tls: tls === null ? null : readPair(tls, 'admin.tls'), oidc } })
  const health = config.admin.healthListen === null ? null : buildHealth(ports)
  const close = async (): Promise<void> => {
    await app.close()
    await health?.close()
  }
  let address: string
  let healthAddress: string | null = null
  try {
    address = await listenAt(app, config.admin.listen, 'admin.listen')
    if (health !== null && config.admin.healthListen !== null) healthAddress = await listenAt(health, config.admin.healthListen, 'admin.healthListen')
  } catch (error) {
    await close()
    throw error
  }
  log.debug({ address, healthAddress }, 'admin API listens')
  return {
    address,
    healthAddress,
    close,
    reload() {
      const pair = tls === null ? null : readPair(tls, 'admin.tls')
      latest = open()
      if (pair !== null && app.server instanceof https.Server) app.server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' })
    },
  }
}

/** Resolves `host:port` as bound; `key` names what would have to be changed. */
async function listenAt(app: FastifyInstance, { host, port }: Address, key: string): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const where = formatHostPort(host, port)
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new SluiceError('listen.in-use', `${where} is already in use`, `Stop the other program or set ${key} to another port.`, { cause: error })
    }
    throw new SluiceError('listen.refused', `Cannot listen on ${where}`, `Set ${key} to an address of this machine.`, { cause: error })
  }
  const bound = app.server.address()
  return bound === null || typeof bound === 'string' ? formatHostPort(host, port) : formatHostPort(bound.address, bound.port)
}

/** A proxy without its store still decides, so it stays ready and says that it is degraded. */
export function readiness(snapshot: Snapshot, people: ReturnType<OpenPeople['health']>, lasting: BreakGlass | null, isShedding: boolean): { ready: boolean; degraded: boolean; checks: Record<string, string> } {
  const { storeUp, storeReadOnly, stale } = snapshot.state()
  const checks = {
    policy: `revision ${snapshot.current().revision}`, store: !storeUp ? 'down' : storeReadOnly === undefined ? 'up' : `takes no changes: ${storeReadOnly}`,
    ...(lasting === null ? {} : { 'break-glass': `on until ${lasting.until}: nothing is opened and no policy holds` }),
    ...(isShedding ? { memory: 'above proxy.limits.memory: new tunnels and requests are refused' } : {}),
    ...(people.file === undefined ? {} : { people: people.file ? 'current' : 'the directory file is faulty, the one before is in force' }),
    ...(people.ldap === undefined ? {} : { ldap: people.ldap ? 'up' : 'down' }),
  }
  return { ready: true, degraded: !storeUp || storeReadOnly !== undefined || stale || lasting !== null || isShedding || people.file === false || people.ldap === false, checks }
}
