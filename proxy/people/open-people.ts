/** Constructs all that tells who somebody is, from the configuration. */
import { MIN_LN } from '../../policy/people/password-hash.ts'
import { isSameLogin, NO_DIRECTORY } from '../../policy/people/directory.ts'
import type { Directory } from '../../policy/people/directory.ts'
import { placeFinder } from '../../policy/people/networks.ts'
import { fold } from '../../policy/people/person.ts'
import { sameCaller } from '../../policy/same-caller.ts'
import type { Log } from '../../policy/store/log.ts'
import type { Config } from '../config.ts'
import { UnauthenticatedError } from '../errors.ts'
import { readText } from '../read-text.ts'
import { CHALLENGE, readBasic } from './basic.ts'
import { Credentials } from './credentials.ts'
import type { Check } from './credentials.ts'
import { openDirectoryFile } from './directory-file.ts'
import type { Acceptor } from './gssapi.ts'
import { GroupMemory } from './group-memory.ts'
import { HeldTunnels } from './held-tunnels.ts'
import { LdapDirectory } from './ldap.ts'
import { decoy, isPassword } from './password.ts'
import { openTickets } from './open-tickets.ts'
import { composePeople } from './people.ts'
import type { People } from './people.ts'
import { Tickets } from './tickets.ts'

/** Who a client is, as it has proven. */
export interface Proven {
  readonly user: string
  /** By which the proxy proves itself in turn, for Proxy-Authenticate. */
  readonly answer?: string
}

/**
 * Whom a request's or CONNECT's header fields prove, or those of an earlier one on the same connection; at once where that is remembered.
 * Throws or rejects with a `RefusedError`: `client.unauthenticated`, `client.unverified`, `client.too-many-attempts`.
 */
export type Authenticate = (rawHeaders: readonly string[], ip: string, connection: object) => Proven | Promise<Proven>

export interface OpenPeople {
  readonly people: People
  /** Null: nobody need say who he is. */
  readonly authenticate: Authenticate | null
  /** Calls `end` when what let the user in holds no more; what comes back is called when the tunnel ends by itself. */
  readonly holdTunnel: (user: string, end: () => void) => () => void
  /** Of each source that is configured, whether it works. */
  readonly health: () => { readonly file?: boolean; readonly ldap?: boolean }
  /** For SIGHUP. */
  reload(): void
  close(): void
}

/**
 * Rejects with `people.invalid`, `config.unreadable`, `kerberos.unavailable` or `kerberos.keytab`. A directory service that is away keeps
 * nothing from starting.
 */
export async function openPeople(config: Config, log: Log): Promise<OpenPeople> {
  const { people: settings, proxy } = config
  const now = (): number => performance.now()
  const ldap = settings.ldap === null ? null
    : new LdapDirectory(settings.ldap, settings.ldap.passwordFile === null ? '' : readText(settings.ldap.passwordFile, 'people.ldap.passwordFile'))
  let at = placeFinder(settings.networks)
  const tunnels = new HeldTunnels()
  const changed = (before: Directory): void => {
    at = placeFinder([...directory().places, ...settings.networks])
    const now = directory()
    credentials.forget((user) => !isSameLogin(before.members.get(user), now.members.get(user)))
    tunnels.changed(before, now)
  }
  const file = settings.file === null ? null : openDirectoryFile(settings.file, log, changed)
  const directory = (): Directory => file?.current() ?? NO_DIRECTORY
  // What the file says changes with the file alone: to check it again would only keep everybody waiting.
  const lasts = (user: string): boolean => directory().members.get(user)?.password != null
  const credentials = new Credentials({ check: checkBy(directory, ldap), lasts, now })
  changed(directory())

  const memory = ldap === null || settings.ldap === null ? null : new GroupMemory({
    look: (user) => ldap.groups(user),
    cacheMs: settings.ldap.cache,
    now,
    told: (error) => {
      if (error === null) log('info', 'The directory service answers again')
      else log('warn', `The directory service does not answer, the groups last known go on: ${error instanceof Error ? error.message : String(error)}`)
    },
  })
  const acceptor = await openTickets(config).catch((error: unknown) => {
    file?.close()
    ldap?.close()
    throw error
  })
  return {
    people: composePeople({ directory, at: (ip) => at(ip), groups: memory }),
    authenticate: acceptor !== null ? ticketsOf(acceptor, settings, now) : proxy.auth === 'basic' ? passwordsOf(credentials) : null,
    holdTunnel: (user, end) => tunnels.hold(user, end),
    health: () => ({
      ...(file === null ? {} : { file: file.fault() === null }),
      ...(memory === null ? {} : { ldap: !memory.isAway }),
    }),
    reload: () => file?.reload(),
    close() {
      file?.close()
      ldap?.close()
      acceptor?.close()
    },
  }
}

function passwordsOf(credentials: Credentials): Authenticate {
  return (rawHeaders, ip) => {
    const credential = readBasic(rawHeaders)
    if (typeof credential === 'string') throw new UnauthenticatedError(CHALLENGE, `${credential === 'none' ? 'no' : 'a malformed'} credential`)
    const user = credentials.check(credential, sameCaller(ip))
    return typeof user === 'string' ? { user } : user.then(name => ({ user: name }))
  }
}

function ticketsOf(acceptor: Acceptor, { kerberos }: Config['people'], now: () => number): Authenticate {
  const tickets = new Tickets({ acceptor, realms: kerberos?.realms ?? null, now })
  return (rawHeaders, ip, connection) => tickets.check(rawHeaders, sameCaller(ip), connection)
}

/** Whoever has a password in the directory file is known by it; everybody else by the directory service, where there is one. */
function checkBy(directory: () => Directory, ldap: LdapDirectory | null): Check {
  return async (credential) => {
    const { members } = directory()
    const member = members.get(fold(credential.user))
    const hash = member?.password ?? null
    if (hash === null && ldap !== null) return ldap.authenticate(credential)
    const costs = [...members.values()].map(({ password }) => password?.ln ?? MIN_LN)
    const isRight = await isPassword(credential.password, hash ?? decoy(Math.max(MIN_LN, ...costs)))
    return hash !== null && isRight ? member?.name ?? null : null
  }
}
