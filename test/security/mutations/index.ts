/** Every patch, and of which requirements there is none. */
import type { Mutation } from './mutation.ts'
import { UPSTREAM_MUTATIONS } from './upstream.ts'

export const MUTATIONS: readonly Mutation[] = [...UPSTREAM_MUTATIONS]

/** Requirements with tests that no patch can break, and why. */
export const UNBREAKABLE: Readonly<Record<string, string>> = {}
