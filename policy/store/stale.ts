import { SluiceError } from '../errors.ts'

/** `expected` is what the author had seen, `found` what is stored. */
export function stalePolicy(expected: number, found: number): SluiceError {
  return new SluiceError('policy.stale', `The policy is at revision ${found}, not at ${expected}.`,
    'Read the policy again, apply the change to it, and send it with the new revision.')
}
