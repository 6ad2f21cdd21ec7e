import { fold } from '../policy/people/person.ts'
import { sameCaller } from '../policy/same-caller.ts'
import type { Peer } from './tunnel.ts'

/** As whom a client is counted: the user where one is known, else the address, an IPv6 network of 64 bits counting as one. */
export function clientKey({ ip, user }: Peer): string {
  // No address begins so: nobody takes another's places by his name.
  return user === undefined ? sameCaller(ip) : `user ${fold(user)}`
}
