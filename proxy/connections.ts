/** Counts the connections to the proxy port, so that one client leaves room for the others, and all for the process. */
import type { Socket } from 'node:net'
import { sameCaller } from '../policy/same-caller.ts'
import type { ProxyLimits } from './config-limits.ts'
import type { RefusalCode } from './errors.ts'
import { Places } from './places.ts'

/**
 * Connections above a limit that may stay until they have asked for something, so that they can be told why not. What is
 * above this as well is closed at once: whoever opens so many does not read answers.
 */
const TOLD = { each: 16, all: 256 }

export class Connections {
  readonly #places: Places
  readonly #told = new Places(TOLD)

  constructor({ connections, connectionsPerClient }: Pick<ProxyLimits, 'connections' | 'connectionsPerClient'>) {
    this.#places = new Places({ each: connectionsPerClient, all: connections })
  }

  /** Those that were let in. */
  get open(): number {
    return this.#places.total
  }

  /** Those that other processes have let in. */
  set others(open: number) {
    this.#places.others = open
  }

  /** Lets a connection in until it closes; else, with nothing kept, why not. */
  enter(socket: Socket, ip: string): RefusalCode | null {
    const full = take(this.#places, socket, ip)
    return full === null ? null : full === 'each' ? 'client.too-many-connections' : 'proxy.too-many-connections'
  }

  /** Whether a connection that was not let in may stay until it has asked. */
  mayBeTold(socket: Socket, ip: string): boolean {
    return take(this.#told, socket, ip) === null
  }
}

function take(places: Places, socket: Socket, ip: string): 'each' | 'all' | null {
  const who = sameCaller(ip)
  const full = places.take(who)
  if (full === null) socket.once('close', () => places.giveBack(who))
  return full
}
