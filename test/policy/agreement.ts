/** The compiled evaluator and the reference, asked the same. */
import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { compile, evaluate } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { policies, requests } from './policies.ts'
import { read } from './reference.ts'

const REQUESTS_PER_POLICY = 10

/** Asserts that both agree on `count` requests, ten for each random policy; throws with the smallest disagreement found. */
export function assertAgreement(count: number): void {
  const property = fc.property(policies, fc.constantFrom('block', 'allow'), fc.array(requests, {
    minLength: REQUESTS_PER_POLICY, maxLength: REQUESTS_PER_POLICY,
  }), (document, late, asked) => {
    const policy = parsePolicy(document)
    const compiled = compile(policy, 7, { late })
    for (const facts of asked) {
      const { decision, ...rest } = evaluate(compiled, facts)
      const { revision, noted = [], exceptions = [], monitored = [], message, coach, ...decided } = decision
      deepStrictEqual({ ...rest, ...decided, message, coach, noted, exceptions, monitored }, { ...read(policy, facts, late) })
      deepStrictEqual(revision, 7)
    }
  })
  fc.assert(property, { numRuns: Math.ceil(count / REQUESTS_PER_POLICY) })
}
