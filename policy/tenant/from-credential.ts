import type { BindingRecord } from '../store/binding-record.ts'
import { isElsewhere, listed } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Question } from './question.ts'

/**
 * Whose the credential is: what its own claims say, which may allow only where a key set has verified them, and what
 * the provider said of it. Where they differ, the one that denies counts.
 */
export function fromCredential(question: Question): Finding | undefined {
  const { account, index } = question
  const signed = fromSignedClaims(question)
  const answer = fromAnswer(question.binding)
  const claims = fromClaims(question)
  // As of most: nothing else can differ from it.
  if (signed === undefined && claims === undefined) return answer
  const found = [signed, answer, claims].filter(one => one !== undefined)
  const sure = found.find(({ trust }) => trust === 'sure')
  if (sure === undefined) return found.find(({ ids }) => listed(index, account, ids) === undefined) ?? found[0]
  const other = found.find(({ ids }) => isElsewhere(index, account, sure.ids, ids))
  return other === undefined ? sure : { ...other, trust: 'denied', reasons: ['credential-elsewhere'] }
}

function fromSignedClaims({ claimed, signature }: Question): Finding | undefined {
  if (claimed === undefined || signature !== 'valid') return undefined
  return { ids: [claimed], how: 'credential', reasons: ['tenant-from-credential', 'credential-verified'], trust: 'sure' }
}

/** Anybody can write claims: they count against the request only. */
function fromClaims({ claimed }: Question): Finding | undefined {
  return claimed === undefined ? undefined
    : { ids: [claimed], how: 'credential', reasons: ['tenant-from-credential'], trust: 'claimed' }
}

function fromAnswer(binding: BindingRecord | undefined): Finding | undefined {
  if (binding === undefined || binding.tenants.length === 0) return undefined
  const { tenants, how, mayAllow } = binding
  return { ids: tenants, how, reasons: [how === 'asked' ? 'tenant-asked' : 'tenant-learned'], trust: mayAllow ? 'sure' : 'claimed' }
}
