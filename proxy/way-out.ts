import type { Config } from './config.ts'
import { splitHostPort } from './host-port.ts'
import { parseParent } from './parent.ts'
import type { UpstreamOptions } from './upstream.ts'

/** How origins are reached: for the traffic, and for what Sluice fetches for itself. */
export function wayOutOf({ hosts, ca, crl, pins, parent, allow }: Config['upstream']): Omit<UpstreamOptions, 'via' | 'own' | 'secured'> {
  return {
    hosts: staticAddresses(hosts), caFiles: ca, crlFiles: crl, pins: new Map(Object.entries(pins)), parent: parent === null ? null : parseParent(parent), allow,
  }
}

function staticAddresses(hosts: Readonly<Record<string, string>>): ReadonlyMap<string, { address: string; port: number }> {
  return new Map(Object.entries(hosts).map(([name, target]) => {
    const { host, port } = splitHostPort(target)
    return [name, { address: host, port }]
  }))
}
