/** Where this process listens itself: no client is led there, whatever `upstream.allow` names. */
import { networkInterfaces } from 'node:os'
import { RefusedError } from './errors.ts'
import { formatHostPort, splitHostPort, unmap } from './host-port.ts'

export class OwnAddresses {
  private readonly listening: { readonly host: string; readonly port: number }[] = []

  /** `addresses`: `host:port` as bound. */
  add(addresses: readonly string[]): void {
    this.listening.push(...addresses.map(splitHostPort))
  }

  /** Throws `proxy.loop` where this process would answer at an address. */
  check(address: string, port: number): void {
    const plain = unmap(address)
    for (const own of this.listening) {
      if (own.port === port && (unmap(own.host) === plain || (isEvery(own.host) && isOfThisMachine(plain)))) {
        throw new RefusedError('proxy.loop', formatHostPort(plain, port))
      }
    }
  }
}

function isEvery(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Asked for a port of our own only, so that looking each time (addresses come and go) costs the traffic nothing. */
function isOfThisMachine(address: string): boolean {
  if (address.startsWith('127.') || isEvery(address)) return true
  return Object.values(networkInterfaces()).some((found) => found?.some((one) => one.address === address) === true)
}
