/** Puts the admin API on its own port, away from the proxy's, with TLS where `admin.tls` is set. */
import https from 'node:https'
import { buildAdmin } from '../policy/admin/admin.ts'
import type { Oidc } from '../policy/admin/oidc.ts'
import type { AdminApp, AdminPorts } from '../policy/admin/ports.ts'
import { SluiceError } from '../policy/errors.ts'
import type { BreakGlass } from '../policy/store/store.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { readPair } from './admin-tls.ts'
import type { Config } from './config.ts'
import { formatHostPort } from './host-port.ts'
import type { Logger } from './log.ts'
import type { OpenPeople } from './people/open-people.ts'

export interface Admin {
  readonly app: AdminApp
  readonly address: string
  /** Takes over renewed files of `admin.tls` and the issuer's keys; throws, with all as it was, where they cannot be used. */
  reload(): void
}

/** Rejects with `listen.in-use`, `listen.refused`, or what `readPair` and `open`, which opens `admin.oidc`, throw. */
export async function startAdmin(
  config: Config, log: Logger, ports: Omit<AdminPorts, 'access'>, open: () => Oidc | null,
): Promise<Admin> {
  const { limits, trustedPeers, tls } = config.admin
  const first = open()
  let latest = first
  const oidc: Oidc | null = first === null ? null : (token) => (latest ?? first)(token)
  const app = buildAdmin({ ...ports, access: { limits, trustedPeers, tls: readPair(tls), oidc } })
  const { host, port } = config.admin.listen
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    const where = formatHostPort(host, port)
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      const remedy = 'Stop the other program or set admin.listen to another port.'
      throw new SluiceError('listen.in-use', `${where} is already in use`, remedy, { cause: error })
    }
    const remedy = 'Set admin.listen to an address of this machine.'
    throw new SluiceError('listen.refused', `Cannot listen on ${where}`, remedy, { cause: error })
  }
  const bound = app.server.address()
  const address = bound === null || typeof bound === 'string' ? formatHostPort(host, port) : formatHostPort(bound.address, bound.port)
  log.debug({ address }, 'admin API listens')
  return {
    app,
    address,
    reload() {
      const pair = readPair(tls)
      latest = open()
      if (pair !== null && app.server instanceof https.Server) app.server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' })
    },
  }
}

/** A proxy without its store still decides, so it stays ready and says that it is degraded. */
export function readiness(snapshot: Snapshot, people: ReturnType<OpenPeople['health']>, lasting: BreakGlass | null): { ready: boolean; degraded: boolean; checks: Record<string, string> } {
  const { storeUp, stale } = snapshot.state()
  const checks = {
    policy: `revision ${snapshot.current().revision}`, store: storeUp ? 'up' : 'down',
    ...(lasting === null ? {} : { 'break-glass': `on until ${lasting.until}: nothing is opened and no policy holds` }),
    ...(people.file === undefined ? {} : { people: people.file ? 'current' : 'the directory file is faulty, the one before is in force' }),
    ...(people.ldap === undefined ? {} : { ldap: people.ldap ? 'up' : 'down' }),
  }
  return { ready: true, degraded: !storeUp || stale || lasting !== null || people.file === false || people.ldap === false, checks }
}
