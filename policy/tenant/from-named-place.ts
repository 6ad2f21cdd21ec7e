import type { BindingRecord } from '../store/binding-record.ts'
import type { Finding } from './finding.ts'
import type { Question } from './question.ts'

const FOREIGN: Finding = { ids: [], how: 'none', reasons: ['foreign-place'], trust: 'foreign' }

type Owner = Pick<BindingRecord, 'tenants' | 'mayAllow'> & { readonly how: 'place' | BindingRecord['how'] }

/**
 * A drive, folder, namespace or link that the request names by the provider's id is the tenant's whose allowlist entry
 * has that id, or that the provider's own answer said it was, whoever sends the request; any other is foreign.
 */
export function fromNamedPlace(question: Question, own: Finding | undefined): Finding | undefined {
  const { place } = question
  if (place === null || place.is === 'own') return undefined
  if (place.is === 'unseen') return FOREIGN
  const owners = place.ids.map((id, n) => ownerOf(question, id, n))
  const [first] = owners
  if (first === undefined || !owners.every(owner => isSame(first, owner))) return FOREIGN
  const how = owners.some(owner => owner?.how === 'asked') ? 'asked' : owners.some(owner => owner?.how === 'learned') ? 'learned' : 'place'
  const reason = how === 'place' ? 'tenant-from-place' : how === 'asked' ? 'tenant-asked' : 'tenant-learned'
  // What is put into a folder of Google's that others share belongs to who puts it there, and who can take it away again.
  const isMakers = question.account === 'google' && how !== 'place' && own?.trust !== 'sure'
  const isSure = !isMakers && owners.every(owner => owner?.mayAllow === true)
  return { ids: first.tenants, how, reasons: [reason], trust: isSure ? 'sure' : 'claimed' }
}

function ownerOf({ account, index, placeBindings }: Question, id: string, n: number): Owner | undefined {
  const tenant = index.has(account, id)
  if (tenant !== undefined) return { tenants: [tenant.id, ...tenant.aliases ?? []], mayAllow: true, how: 'place' }
  const binding = placeBindings[n]
  return binding === undefined || binding.tenants.length === 0 ? undefined : binding
}

function isSame(a: Owner, b: Owner | undefined): boolean {
  return b !== undefined && a.tenants.some(id => b.tenants.includes(id))
}
