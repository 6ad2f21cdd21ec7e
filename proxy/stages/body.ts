/** What the stages need to know of a body before, or instead of, its length. */
import { unexplainedLimit } from '../../policy/providers/index.ts'
import { rejudge } from './judge.ts'
import type { Judgement } from './judge.ts'

/** A block of an upload that nothing in the body could change: not even its beginning is read. */
export function isSettledUpload(judgement: Judgement): boolean {
  const { verdict, recognition, view } = judgement
  if (recognition === null || recognition.operation.activity !== 'upload' || view.policy.needs.fileName) return false
  // Batches are read as the strictest until their body is looked into.
  if (recognition.reasons.includes('unexplained-body')) return false
  // Whose place is written to may be told in the body.
  if (judgement.gathered?.awaitsBody === true && readsStanding(view.policy)) return false
  return verdict.settled && verdict.decision.action === 'block'
}

function readsStanding({ needs, unknownTenant, default: rest }: Judgement['view']['policy']): boolean {
  return needs.tenant || unknownTenant.action !== rest.action
}

/** What a WebSocket sends has no declared end: its size is open from the start. */
export function asStream(judgement: Judgement): Judgement {
  if (judgement.recognition === null) return judgement
  const operation = { ...judgement.recognition.operation, size: { bytes: 0, is: 'unknown' as const } }
  return rejudge({ ...judgement, recognition: { ...judgement.recognition, unexplainedOver: unexplainedLimit(judgement.head) } }, operation, [], { bytes: 0, isAll: false })
}
