import type { BindingRecord } from '../store/binding-record.ts'
import type { Finding } from './finding.ts'
import type { Question } from './question.ts'

const FOREIGN: Finding = { ids: [], how: 'none', reasons: ['foreign-place'], trust: 'foreign' }

/**
 * A drive, folder, namespace or link that the request names by the provider's id is the tenant's that the provider's own
 * answer said it was, whoever sends the request; one that no answer told of is foreign.
 */
export function fromNamedPlace({ place, placeBindings }: Question): Finding | undefined {
  if (place === null || place.is === 'own') return undefined
  if (place.is === 'unseen') return FOREIGN
  const [first, ...rest] = placeBindings
  if (first === undefined || first.tenants.length === 0 || !rest.every(one => isSame(first, one))) return FOREIGN
  const { tenants, how, mayAllow } = first
  const isAsked = placeBindings.some(one => one?.how === 'asked') || how === 'asked'
  const trust = mayAllow && rest.every(one => one?.mayAllow === true) ? 'sure' : 'claimed'
  return { ids: tenants, how: isAsked ? 'asked' : 'learned', reasons: [isAsked ? 'tenant-asked' : 'tenant-learned'], trust }
}

function isSame(a: BindingRecord, b: BindingRecord | undefined): boolean {
  return b !== undefined && a.tenants.some(id => b.tenants.includes(id))
}
