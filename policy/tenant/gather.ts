import { createHmac, randomBytes } from 'node:crypto'
import type { Account, Operation } from '../operation.ts'
import type { BodyPart, ProviderModule, RequestHead, WrittenPlace } from '../providers/provider.ts'
import type { KnownSession } from '../sessions.ts'
import type { BindingRecord } from '../store/binding-record.ts'
import type { TenantIndex } from './allowlist.ts'
import { rememberedClaim } from './claims.ts'
import { readCredential } from './credential.ts'
import type { Question } from './question.ts'

/** What a digest is made of. */
export type BindingKind = 'credential' | 'person' | 'place'

/** What memory holds of credentials and places. Nothing here waits. */
export interface Knowledge {
  /** A keyed hash, under which a binding is kept. */
  digest(account: Account, kind: BindingKind, id: string): string
  get(digest: string): BindingRecord | undefined
  /** What a key set said of the signature of a credential; undefined where none has been asked, or none can tell. */
  signature(digest: string): 'valid' | 'forged' | undefined
}

export interface Gathered {
  readonly question: Question
  /** The digests of all that the answer hangs on: what memory does not hold of them, the store may. */
  readonly wanted: readonly string[]
  /** The place is told in the body, of which nothing was read yet. */
  readonly awaitsBody: boolean
}

/** Of more places in one request (a batch) none is looked up. */
const PLACES_MAX = 64
const NO_BINDINGS: readonly undefined[] = []
const WRITES: ReadonlySet<Operation['activity']> = new Set<Operation['activity']>(['upload', 'edit', 'change', 'share'])

/** Puts together what a request shows and what memory knows of it. */
export function gather(
  module: ProviderModule, head: RequestHead, operation: Operation, body: BodyPart | null, index: TenantIndex,
  session: KnownSession | undefined, knowledge: Knowledge, isRestrictedByClient: boolean,
): Gathered {
  const { account } = module
  const credential = readCredential(head)
  const token = credential.is === 'one' ? credential.token : undefined
  const credentialDigest = token === undefined ? undefined : knowledge.digest(account, 'credential', token)
  const wanted: string[] = []
  const asks = operation.tenantHint === undefined && WRITES.has(operation.activity) && module.placeOf !== undefined
  const place = asks ? bounded(module.placeOf(head, operation, body)) : null
  const places = place?.is === 'named' ? place.ids.map(id => knowledge.digest(account, 'place', id)) : NO_DIGESTS
  if (credentialDigest !== undefined) wanted.push(credentialDigest)
  wanted.push(...places)
  const binding = credentialDigest === undefined ? undefined : personOf(credentialDigest, knowledge, wanted)
  return {
    question: {
      account, operation, host: head.host, index, credential, credentialDigest,
      claimed: token === undefined || credentialDigest === undefined ? undefined : rememberedClaim(account, token, credentialDigest),
      signature: credentialDigest === undefined ? undefined : knowledge.signature(credentialDigest),
      binding, place, session, isRestrictedByClient,
      placeBindings: places.length === 0 ? NO_BINDINGS : places.map(digest => knowledge.get(digest)),
    },
    wanted,
    awaitsBody: place?.is === 'unseen' && body === null,
  }
}

const NO_DIGESTS: readonly string[] = []

/** What is known of a credential; where that is only whose account it is of, what is known of the account. */
function personOf(digest: string, knowledge: Knowledge, wanted: string[]): BindingRecord | undefined {
  const binding = knowledge.get(digest)
  if (binding?.person === undefined || binding.tenants.length > 0) return binding
  wanted.push(binding.person)
  return knowledge.get(binding.person) ?? binding
}

function bounded(place: WrittenPlace): WrittenPlace {
  if (place.is !== 'named' || (place.ids.length > 0 && place.ids.length <= PLACES_MAX)) return place
  return { is: 'unseen' }
}

const key = randomBytes(32)

/** Where nothing is learned: digests hold for this process only. */
export const NOTHING_LEARNED: Knowledge = {
  digest: (account, kind, id) => createHmac('sha256', key).update(JSON.stringify([account, kind, id])).digest('hex').slice(0, 32),
  get: () => undefined,
  signature: () => undefined,
}
