import { remember } from './memo.ts'
import type { Client } from './operation.ts'
import { fold } from './people/person.ts'
import { sameCaller } from './same-caller.ts'

/** Read for every request, and seldom of others than a moment before. */
const callerOf = remember(sameCaller, 4_096)

/** As whom a client is counted: the user where one is known, else the address, an IPv6 network of 64 bits counting as one. */
export function clientKey({ ip, user }: Pick<Client, 'ip' | 'user'>): string {
  // No address begins so: nobody's name is another's address.
  return user === undefined ? callerOf(ip) : `user ${fold(user)}`
}
