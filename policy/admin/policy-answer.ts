/** How a policy comes and goes over the API: in JSON or YAML, under its revision as ETag. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { PolicySchema, toYaml } from '../policy.ts'
import type { Policy } from '../policy.ts'
import { prefersYaml, YAML_TYPES } from './accept.ts'
import { ETAG, jsonOr } from './answers.ts'

export const YAML = YAML_TYPES[0]

/** A policy as an answer. */
export function policyAnswer(description: string) {
  return jsonOr(PolicySchema, YAML, Type.String(), description, { headers: { ...ETAG, Vary: 'accept' } })
}

/** What a change of the policy is called in its history. */
export const CommentQuery = Type.Object({
  comment: Type.Optional(Type.String({
    minLength: 1, maxLength: 500, pattern: '^[^\\u0000-\\u001f\\u007f]+$', description: 'one line of up to 500 characters, for the history',
  })),
}, { additionalProperties: false, description: 'comment=, optional' })

export interface Told {
  readonly policy: Policy
  readonly revision: number
  readonly yaml: string | undefined
}

/** In YAML as it was written, comments and all. */
export function answerPolicy(request: FastifyRequest, reply: FastifyReply, { policy, revision, yaml }: Told): FastifyReply {
  reply.header('etag', `"${revision}"`)
  return answerYaml(request, reply) ? reply.send(yaml ?? toYaml(policy)) : reply.send(policy)
}

/** Whether the answer is YAML, which is on it then. */
export function answerYaml(request: FastifyRequest, reply: FastifyReply): boolean {
  reply.header('vary', 'accept')
  if (!prefersYaml(request.headers.accept)) return false
  reply.header('content-type', 'application/yaml; charset=utf-8')
  return true
}

/** The revision that If-Match names. Throws `policy.precondition-required` (428) without it, `admin.invalid` for what is none. */
export function expectedRevision(ifMatch: string | undefined): number {
  if (ifMatch === undefined) {
    throw new SluiceError('policy.precondition-required', 'A policy is replaced only with If-Match.',
      'Send If-Match with the ETag that GET /v1/policy answered, "7" say.', { faults: [{ path: 'If-Match', message: 'is missing' }] })
  }
  const revision = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1]
  if (revision === undefined) {
    throw new SluiceError('admin.invalid', 'If-Match is not one revision in quotes.', 'Send the ETag as it was answered: "7" say.',
      { faults: [{ path: 'If-Match', message: 'must be one revision in quotes' }] })
  }
  return Number(revision)
}

/** The store knows of revisions, not of the field that told one. */
export function withPlace(error: unknown): never {
  if (!(error instanceof SluiceError) || error.code !== 'policy.stale') throw error
  throw new SluiceError(error.code, error.message, error.remedy,
    { faults: [{ path: 'If-Match', message: 'is not the revision in the store' }], cause: error })
}
