/** Rows S3 to S5: where a client may be led. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const DESTINATION = 'proxy/destination.ts'
const PORTS = ['  if (!PORTS.has(port)) throw', '  if (false) throw'] as const
const ADDRESSES = ['  if (refused.has(address) && !allowed.has(address)) throw', '  if (false) throw'] as const
const OWN = ['      if (own.port === port && (', '      if (false && ('] as const

export const DESTINATION_MUTATIONS: readonly Mutation[] = [
  patch('S3.1', DESTINATION, ...ADDRESSES, 'addresses that are not the public internet are refused', 'no way in to the addresses inside, in any notation'),
  patch('S3.1', DESTINATION, 'else if (REFUSED_NAME.test(host)) throw', 'else if (false) throw',
    'names of the machine itself and of metadata services are not asked of a parent, which would resolve them at its place'),
  patch('S3.2', DESTINATION, '  return found.map(({ address }) => address)', '  return (await resolve(host)).map(({ address }) => address)',
    'a name is resolved once, and the checked addresses are those to dial'),
  patch('S3.3', 'proxy/own-addresses.ts', ...OWN, 'nobody is led to where this process listens, whatever is allowed'),
  patch('S3.3', DESTINATION, ...PORTS, 'CONNECT without a port, or to a port that is none of the web, is refused'),
  {
    id: 'S3.3', edits: [{ file: DESTINATION, find: ADDRESSES[0], replace: ADDRESSES[1] }, { file: 'proxy/own-addresses.ts', find: OWN[0], replace: OWN[1] }],
    expect: ['no way in to the addresses inside, in any notation'],
  },
  patch('S4', DESTINATION, ...PORTS, 'only the ports of the web'),
  patch('S5', 'proxy/via.ts', "if (name.length === 3 && name.toLowerCase() === 'via'", "if (false && name.toLowerCase() === 'via'",
    'what comes back is refused: plain, upgrade, CONNECT, inside a tunnel', 'a parent that leads back here is refused at the second pass'),
]
