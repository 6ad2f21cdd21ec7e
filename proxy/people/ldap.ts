/** Asks a directory service (LDAP, RFC 4511) who somebody is and in which groups. Every answer comes within the timeout, or fails. */
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import type { Socket } from 'node:net'
import { Client, ResultCodeError } from 'ldapts'
import type { Entry, SearchOptions } from 'ldapts'
import { fillFilter, firstValue } from '../../policy/people/ldap-text.ts'
import { fold, nameFault } from '../../policy/people/person.ts'
import { hostOf, needsStartTls } from '../config-people.ts'
import type { LdapSettings } from '../config-people.ts'
import type { Credential } from './basic.ts'

/** No directory has a person in more; a filter that finds more is no filter for one person's groups. */
const MAX_GROUPS = 2_000

export interface FoundGroups {
  readonly names: readonly string[]
  /** False where there are more than the service tells. */
  readonly complete: boolean
}

interface Found {
  readonly dn: string
  readonly name: string
  readonly entry: Entry
}

export class LdapDirectory {
  readonly #settings: LdapSettings
  readonly #password: string
  readonly #context: tls.SecureContext
  #service: Promise<Client> | null = null
  /** Which of the servers is asked. */
  #server = 0

  /** `password`: for `bindDn`. Throws where a file of `ca` cannot be read. */
  constructor(settings: LdapSettings, password: string) {
    this.#settings = settings
    this.#password = password
    this.#context = tls.createSecureContext({
      ca: [...tls.getCACertificates('default'), ...settings.ca.map(file => readFileSync(file, 'utf8'))], minVersion: 'TLSv1.2',
    })
  }

  /** The user's name as the directory writes it, or null: unknown, or not his password. Rejects where the service does not answer. */
  authenticate(credential: Credential): Promise<string | null> {
    return this.#inTime(this.#authenticate(credential))
  }

  /** The groups of the user of that name, any case; none of an unknown one. Rejects where the service does not answer. */
  groups(user: string): Promise<FoundGroups> {
    return this.#inTime(this.#groups(user))
  }

  close(): void {
    const service = this.#service
    this.#service = null
    service?.then(end, () => undefined)
  }

  /** Each message has the timeout as well; together they may take no longer than one. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => { reject(new Error('no answer in time')) }, this.#settings.timeout)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #authenticate({ user, password }: Credential): Promise<string | null> {
    const found = await this.#find(this.#settings.userFilter, user)
    // Whoever is unknown costs a bind too, so that the time does not tell who is known.
    const isRight = await this.#accepts(found?.dn ?? this.#settings.base, password)
    return found !== null && isRight ? found.name : null
  }

  async #groups(user: string): Promise<FoundGroups> {
    const { userName, groupAttribute, groupBase, groupFilter, groupName } = this.#settings
    const found = await this.#find(`(${userName}={user})`, user)
    if (found === null) return { names: [], complete: true }
    if (groupBase === null) return groupsOfEntry(found.entry, groupAttribute, groupName)
    const entries = await this.#search(groupBase, {
      scope: 'sub', filter: fillFilter(groupFilter, { dn: found.dn, user: found.name }), attributes: [groupName], sizeLimit: MAX_GROUPS + 1,
    })
    return {
      names: named(entries.flatMap(entry => values(entry, groupName).slice(0, 1))), complete: entries.length <= MAX_GROUPS,
    }
  }

  /** Null where there is no such entry, or several: of two nobody can say who it is. */
  async #find(filter: string, user: string): Promise<Found | null> {
    const { base, userName, groupAttribute } = this.#settings
    const entries = await this.#search(base, {
      scope: 'sub', filter: fillFilter(filter, { user }), attributes: [userName, groupAttribute], sizeLimit: 2,
    })
    const [entry] = entries
    if (entry === undefined || entries.length > 1 || entry.dn === '') return null
    const names = values(entry, userName)
    // A service compares more loosely than rules do (wide letters, spaces): its own writing of the name is the one that counts.
    const name = names.find(one => fold(one) === fold(user)) ?? names[0]
    return name === undefined || nameFault(name) !== null ? null : { dn: entry.dn, name, entry }
  }

  /** Once more where a connection that was kept did not work, or another server may. */
  async #search(base: string, options: SearchOptions): Promise<Entry[]> {
    const kept = this.#service
    try {
      return await this.#searchOn(await this.#connected(), base, options)
    } catch (error) {
      if (error instanceof ResultCodeError) throw error
      this.#turnToNext()
      if (kept === null && this.#settings.url.length === 1) throw error
      return this.#searchOn(await this.#connected(), base, options)
    }
  }

  async #searchOn(client: Client, base: string, options: SearchOptions): Promise<Entry[]> {
    try {
      // The package would connect anew by itself, as nobody: then nobody is found, and in no group.
      if (!client.isConnected || (this.#settings.bindDn !== null && !client.isBound)) throw new Error('the connection was lost')
      return (await client.search(base, options)).searchEntries
    } catch (error) {
      if (!(error instanceof ResultCodeError)) this.close()
      throw error
    }
  }

  #connected(): Promise<Client> {
    if (this.#service !== null) return this.#service
    const service = this.#open(() => { if (this.#service === service) this.#service = null }).then(async (client) => {
      const { bindDn } = this.#settings
      if (bindDn !== null) await bind(client, bindDn, this.#password)
      return client
    })
    this.#service = service
    service.catch(() => { if (this.#service === service) this.#service = null })
    return service
  }

  /** Whether the service lets somebody in by this password. Rejects where it does not say. */
  async #accepts(dn: string, password: string): Promise<boolean> {
    // A bind without a password is one of nobody, and succeeds (RFC 4513 §5.1.2).
    if (password === '') return false
    const client = await this.#open(() => undefined)
    try {
      await bind(client, dn, password)
      return true
    } catch (error) {
      if (isRefusal(error)) return false
      this.#turnToNext()
      throw error
    } finally {
      end(client)
    }
  }

  #turnToNext(): void {
    this.close()
    this.#server = (this.#server + 1) % this.#settings.url.length
  }

  /** A connection that nobody has bound, protected as it must be. `closed` is called when it ends. */
  async #open(closed: () => void): Promise<Client> {
    const { url: urls, timeout } = this.#settings
    const url = urls[this.#server] ?? ''
    const host = hostOf(url)
    const protection: tls.ConnectionOptions = {
      secureContext: this.#context, rejectUnauthorized: true, host, ...(net.isIP(host) === 0 ? { servername: host } : {}),
    }
    let socket: Socket | null = null
    const kept = <T extends Socket>(made: T): T => {
      socket ??= made.once('close', closed)
      return made
    }
    const client = new Client({
      url, timeout, connectTimeout: timeout,
      ...(url.startsWith('ldaps:') ? { tlsOptions: protection } : {}),
      createConnection: ((port: number, to: string) => kept(net.connect(port, to))) as typeof net.connect,
      createSecureConnection: ((...given: Parameters<typeof tls.connect>) => kept(tls.connect(...given))) as typeof tls.connect,
    })
    if (!needsStartTls(url, this.#settings)) return client
    // The package watches over each message, but not over the handshake between them.
    const late = setTimeout(() => { socket?.destroy(new Error('StartTLS took too long')) }, timeout)
    try {
      await client.startTLS(protection)
      return client
    } catch (error) {
      end(client)
      throw error
    } finally {
      clearTimeout(late)
    }
  }
}

/** The package takes the names of SASL mechanisms for such; none is the name of an entry. */
async function bind(client: Client, dn: string, password: string): Promise<void> {
  if (!dn.includes('=') && !dn.includes('@') && !dn.includes('\\')) throw new Error('not a name to bind as')
  await client.bind(dn, password)
}

function end(client: Client): void {
  client.unbind().catch(() => undefined)
}

/** RFC 4511 §4.1.9: operationsError, protocolError, timeLimitExceeded, adminLimitExceeded, busy, unavailable, other. */
const STATES: readonly number[] = [1, 2, 3, 11, 51, 52, 80]

/** An answer about the credential, as against one about the state of the service. */
function isRefusal(error: unknown): boolean {
  return error instanceof ResultCodeError && !STATES.includes(error.code)
}

function groupsOfEntry(entry: Entry, attribute: string, groupName: string): FoundGroups {
  const names = values(entry, attribute).map(value => value.includes('=') ? firstValue(value, groupName) : value)
  // Active Directory tells 1,500 values at most, under a name of its own (MS-ADTS §3.1.1.3.1.3.3).
  const isCut = Object.keys(entry).some(key => key.toLowerCase().startsWith(`${attribute.toLowerCase()};range=`))
  return { names: named(names.filter(name => name !== null)), complete: !isCut && names.length <= MAX_GROUPS }
}

/** What can be a group's name, each once. */
function named(names: readonly string[]): string[] {
  return [...new Set(names.filter(name => nameFault(name) === null).slice(0, MAX_GROUPS))]
}

/** The values of an attribute, whose name the service may write in another case. */
function values(entry: Entry, attribute: string): string[] {
  const key = Object.keys(entry).find(name => name.toLowerCase() === attribute.toLowerCase())
  const value = key === undefined ? [] : entry[key] ?? []
  return (Array.isArray(value) ? value : [value]).map(String)
}
