import { isIP } from 'node:net'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { SluiceError } from '../errors.ts'
import { CHANGED } from './keys.ts'
import type { Log } from './log.ts'
import type { RedisAddress } from './redis-address.ts'
import type { Script } from './scripts.ts'
import { Refusals } from './refusals.ts'
import type { Health } from './store.ts'

const CONNECT_TIMEOUT_MS = 2_000
const COMMAND_TIMEOUT_MS = 2_000
/** For 100,000 tenants, which take a second or two on a busy machine. */
const LIST_TIMEOUT_MS = 30_000
/** A connection on which an asked server says nothing for this long is dead, whatever TCP believes. */
const SILENCE_MS = 5_000
const RETRY_FIRST_MS = 100
const RETRY_MOST_MS = 3_000
const WARN_EVERY_MS = 60_000
/** How often what changes while it is read is read anew. */
const ATTEMPTS = 5
/** What a server says that is there but takes no changes: its memory is full, its disk, or it is a replica. */
const TAKES_NO_CHANGES = /^(?:OOM|MISCONF|READONLY|NOREPLICAS) /

/**
 * Two connections to one Redis server, one for commands and one that listens to the channel of changes (a
 * connection that listens may not ask). Both come back by themselves for ever. Nothing is queued while the
 * server is away: a command then rejects at once with `store.unreachable`.
 */
export class RedisLink {
  readonly address: RedisAddress
  readonly #main: Redis
  readonly #subscriber: Redis
  readonly #log: Log
  readonly #told: (message?: string) => void
  #health: Health = { up: false, detail: 'not connected yet' }
  readonly #refusals: Refusals
  #outages = 0
  /** When it was last said that the server is away, and whether that of this outage. */
  #warnedAt = -Infinity
  #isTold = false
  #closed = false
  readonly #greet: (redis: Redis) => Promise<void>
  /** Whether the server of this connection was found to be one that may be used; another may answer at the next. */
  #greeted: Promise<void> | undefined

  /** `greet` is asked once for each connection, before all else; where it rejects with a `SluiceError`, so does everything. `told`: this message came, or a connection is back and messages may have been missed. */
  constructor(address: RedisAddress, greet: (redis: Redis) => Promise<void>, told: (message?: string) => void, log: Log) {
    this.address = address
    this.#greet = greet
    this.#told = told
    this.#log = log
    this.#refusals = new Refusals(`The store ${address.shown}`, log)
    const options = connectionOptions(address)
    this.#main = new Redis({ ...options, connectionName: 'sluice' })
    this.#subscriber = new Redis({ ...options, connectionName: 'sluice-changes' })
    for (const connection of [this.#main, this.#subscriber]) {
      // The same failure comes as an error and as a rejected command; here it is only remembered.
      connection.on('error', (error: Error) => this.#down(error))
    }
    this.#main.on('ready', () => this.#told())
    this.#main.on('close', () => {
      this.#greeted = undefined
      this.#down(new Error(this.#health.detail ?? 'the connection was closed'))
    })
    this.#subscriber.on('ready', () => {
      this.#subscriber.subscribe(CHANGED).then(() => this.#told(), (error: unknown) => this.#down(error))
    })
    this.#subscriber.on('message', (_channel: string, message: string) => this.#told(message))
  }

  /** Resolves when connected; rejects with `store.unreachable` after the first attempt, while trying goes on. */
  async connect(): Promise<void> {
    this.#subscriber.connect().catch((error: unknown) => this.#down(error))
    try {
      await this.#main.connect()
    } catch (error) {
      this.#down(error)
      throw this.#unreachable(error)
    }
    await this.ask((redis) => redis.ping())
  }

  /** Runs a script; see `ask`. */
  run(script: Script, ...args: (string | number)[]): Promise<unknown> {
    return this.ask((redis) => redis.eval(script.lua, script.keys.length, ...script.keys, ...args))
  }

  /** As `run`, for a script that is given or works on whole lists. */
  runLong(script: Script, ...args: (string | number)[]): Promise<unknown> {
    return this.#askLong((redis) => redis.eval(script.lua, script.keys.length, ...script.keys, ...args))
  }

  /** Runs a script and then commands that answer whole lists, as one step; resolves their answers in that order. */
  together(script: Script, commands: readonly (readonly [name: string, key: string])[]): Promise<unknown[]> {
    return this.#askLong(async (redis) => {
      const all = redis.multi().eval(script.lua, script.keys.length, ...script.keys)
      for (const [name, key] of commands) all.call(name, key)
      try {
        return answers(await all.exec())
      } catch (error) {
        if (!isAborted(error)) throw error
        return oneByOne(redis, script, commands)
      }
    })
  }

  /**
   * Asks the server. Rejects with `store.unreachable`, also for an answer that did not come in time, when
   * nobody knows whether a change was made; with `store.read-only` where the server takes none.
   */
  async ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      await this.#known()
      const answer = await command(this.#main)
      this.#up()
      return answer
    } catch (error) {
      if (error instanceof SluiceError) {
        this.#health = { up: false, detail: error.message }
        throw error
      }
      if (error instanceof Error && TAKES_NO_CHANGES.test(error.message)) {
        this.#up()
        throw this.#refusals.note(this.#explain(error), 'Give Redis more room (maxmemory, its disk), or the address of the server that may be written to.')
      }
      this.#down(error)
      throw this.#unreachable(error)
    }
  }

  async #known(): Promise<void> {
    const greeted = this.#greeted ??= this.#greet(this.#main)
    try {
      await greeted
    } catch (error) {
      // Asked anew by whoever comes next.
      if (this.#greeted === greeted) this.#greeted = undefined
      throw error
    }
  }

  /** As `ask`, over a connection of its own that waits longer; what is asked meanwhile does not wait behind it. */
  #askLong<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    return this.ask(async (main) => {
      const own = main.duplicate({
        connectionName: 'sluice-lists', commandTimeout: LIST_TIMEOUT_MS, socketTimeout: LIST_TIMEOUT_MS, retryStrategy: () => null,
      })
      // The same failure comes as a rejected command.
      own.on('error', () => undefined)
      try {
        await own.connect()
        return await command(own)
      } finally {
        own.disconnect()
      }
    })
  }

  health(): Health {
    return this.#health.up ? { ...this.#health, ...this.#refusals.last() } : this.#health
  }

  /** How often the server has gone away so far, a single command without an answer included. */
  get outages(): number {
    return this.#outages
  }

  close(): void {
    this.#closed = true
    this.#main.disconnect()
    this.#subscriber.disconnect()
  }

  #up(): void {
    if (this.#health.up || this.#closed) return
    this.#health = { up: true }
    if (this.#isTold) this.#log('info', `The store ${this.address.shown} is back`)
    this.#isTold = false
  }

  #down(error: unknown): void {
    if (this.#closed) return
    const detail = this.#explain(error)
    // "Not writable" only says that the connection is away; why it went was told before.
    if (!this.#health.up && /isn't writeable|^Connection is closed/.test(detail)) return
    if (this.#health.up) this.#outages++
    this.#health = { up: false, detail }
    const now = performance.now()
    if (now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    this.#isTold = true
    this.#log('warn', `The store ${this.address.shown} does not answer: ${detail}`)
  }

  // The error of an AUTH command carries its arguments, so it is not passed on as a cause.
  #unreachable(error: unknown): SluiceError {
    const detail = this.#health.detail ?? this.#explain(error)
    return new SluiceError('store.unreachable', `The store ${this.address.shown} cannot be reached: ${detail}.`,
      'Check that Redis runs there, that the address and password are right, and that no firewall is in between.')
  }

  #explain(error: unknown): string {
    const text = error instanceof AggregateError
      ? error.errors.map((part: unknown) => (part instanceof Error ? part.message : String(part))).join('; ')
      : error instanceof Error ? error.message : String(error)
    const { password } = this.address
    const clean = password === undefined ? text : text.replaceAll(password, '***')
    // Of a script, Redis adds which it was.
    return clean.split('\n', 1)[0]?.slice(0, 300).replace(/ script: .*$/, '').replace(/\.$/, '') ?? ''
  }
}

/** A server whose memory is full takes no transaction, not even one that only reads. */
function isAborted(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('EXECABORT')
}

/** As `together`, without a transaction: what the script says before and after must be the same. */
async function oneByOne(redis: Redis, script: Script, commands: readonly (readonly [name: string, key: string])[]): Promise<unknown[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const all = redis.pipeline().eval(script.lua, script.keys.length, ...script.keys)
    for (const [name, key] of commands) all.call(name, key)
    const found = answers(await all.eval(script.lua, script.keys.length, ...script.keys).exec())
    const after = found.pop()
    if (JSON.stringify(after) === JSON.stringify(found[0])) return found
  }
  throw new Error('what is read changes all the time')
}

function answers(found: readonly (readonly [error: Error | null, answer: unknown])[] | null): unknown[] {
  return (found ?? []).map(([error, answer]) => {
    if (error !== null) throw error
    return answer
  })
}

function connectionOptions(address: RedisAddress) {
  return {
    host: address.host,
    port: address.port,
    db: address.db,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    // Said explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 cannot switch it off.
    ...(address.tls ? { tls: { rejectUnauthorized: true, ...(isIP(address.host) === 0 ? { servername: address.host } : {}) } } : {}),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    keepAlive: 10_000,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    // A change that is sent twice would be refused the second time, though it was made.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // After a failover the old server may answer as a read-only replica: look for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    retryStrategy: (times: number) => retryAfter(times),
  } satisfies RedisOptions
}

/** Doubles up to three seconds, less up to a half by chance, so that many proxies do not return at one moment. */
export function retryAfter(times: number, random: () => number = Math.random): number {
  const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(times - 1, 10))
  return Math.round(most * (1 - random() / 2))
}
