/** Every patch, and of which requirements and tests there is none. */
import { AUTHORITY_MUTATIONS } from './authority.ts'
import { DESTINATION_MUTATIONS } from './destinations.ts'
import { FRAMING_MUTATIONS, HELD_BY_NODE } from './framing.ts'
import { IDENTITY_MUTATIONS } from './identity.ts'
import { LIMIT_MUTATIONS } from './limits.ts'
import type { Mutation } from './mutation.ts'
import { PEOPLE_MUTATIONS } from './people.ts'
import { READING_MUTATIONS } from './reading.ts'
import { RECORD_MUTATIONS } from './records.ts'
import { RELAY_FRAMING_MUTATIONS } from './relay-framing.ts'
import { RELAY_MUTATIONS } from './relay.ts'
import { SERVICE_MUTATIONS } from './service.ts'
import { UPSTREAM_MUTATIONS } from './upstream.ts'

export const MUTATIONS: readonly Mutation[] = [
  ...UPSTREAM_MUTATIONS, ...AUTHORITY_MUTATIONS, ...FRAMING_MUTATIONS, ...RELAY_FRAMING_MUTATIONS, ...IDENTITY_MUTATIONS, ...DESTINATION_MUTATIONS, ...READING_MUTATIONS,
  ...LIMIT_MUTATIONS, ...SERVICE_MUTATIONS, ...RECORD_MUTATIONS, ...PEOPLE_MUTATIONS, ...RELAY_MUTATIONS,
]

/** Requirements with tests that no patch can break, and why. */
export const UNBREAKABLE: Readonly<Record<string, string>> = {
  'S2.6': 'Node\'s TLS server takes no early data, and has no option for it',
}

/** Tests, by name, that pass without the defence of their requirement, and what still holds then. */
export const HELD: Readonly<Record<string, string>> = {
  ...HELD_BY_NODE,
  'RC4, 3DES and export ciphers are not even built in': 'they are not in Node\'s OpenSSL',
  'a chunk that breaks after a good one never completes at the origin': 'what is passed on is the same bytes, in which the origin finds no end either',
  'a body that is not as long as it says': 'nghttp2 resets a stream whose body is not of the length that it declared (RFC 9113 §8.1.1)',
  'a head that goes on and on in continuations': 'nghttp2 takes no head above its own bound',
  'empty continuations': 'nghttp2 takes few of them',
  'requests whose faults make the proxy reset them': 'Node bounds the frames that are not valid',
  'without the check, the file is stored': 'it switches the check off itself, to show what the others hold back',
}
