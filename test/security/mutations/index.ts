/** Every patch, and of which requirements there is none. */
import { DESTINATION_MUTATIONS } from './destinations.ts'
import { IDENTITY_MUTATIONS } from './identity.ts'
import type { Mutation } from './mutation.ts'
import { READING_MUTATIONS } from './reading.ts'
import { UPSTREAM_MUTATIONS } from './upstream.ts'

export const MUTATIONS: readonly Mutation[] = [...UPSTREAM_MUTATIONS, ...IDENTITY_MUTATIONS, ...DESTINATION_MUTATIONS, ...READING_MUTATIONS]

/** Requirements with tests that no patch can break, and why. */
export const UNBREAKABLE: Readonly<Record<string, string>> = {}
