import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { analyse } from '../analyse.ts'
import { SluiceError, sentence } from '../errors.ts'
import { compile } from '../evaluate.ts'
import { parsePolicy, parsePolicyYaml, PolicySchema, toYaml } from '../policy.ts'
import type { Policy } from '../policy.ts'
import { prefersYaml, YAML_TYPES } from './accept.ts'
import { byOf } from './actor.ts'
import { ETAG, json, jsonOr } from './answers.ts'
import { putPolicy } from '../store/put-policy.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { catchUp } from './catch-up.ts'

/** Told of one policy. */
const MAX_WARNINGS = 100

/** A body that was sent as YAML. */
class YamlText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const YAML = YAML_TYPES[0]
const reads = ['application/json', YAML]
const body = { 'application/json': PolicySchema, [YAML]: Type.String({ description: 'The same as YAML 1.2.' }) }
const tags = ['policy']
const headers = { ...ETAG, Vary: 'accept' }

const Warning = Type.Object({
  path: Type.String({ description: 'where in the policy: rules/3' }),
  kind: Type.Enum(['never-matches', 'never-enforced', 'shadowed', 'contradicts-allowlist']),
  ruleId: Type.String(),
  otherRuleId: Type.Optional(Type.String({ description: 'the rule that is in the way' })),
  message: Type.String(),
  remedy: Type.String(),
}, { title: 'Warning' })
const Validation = Type.Object({
  valid: Type.Boolean(),
  rules: Type.Optional(Type.Integer({ minimum: 0 })),
  detail: Type.Optional(Type.String({ description: 'what is wrong, where it is not valid' })),
  errors: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
  warnings: Type.Optional(Type.Array(Warning, { description: 'rules that do nothing, or contradict the allowlist' })),
}, { additionalProperties: false, title: 'Validation' })

/** `GET/PUT /policy`, `POST /policy/validate`, in JSON or YAML both ways. */
export function policyRoutes(app: AdminApp, { store, snapshot, log }: AdminPorts): void {
  app.addContentTypeParser([...YAML_TYPES], { parseAs: 'string' }, (_request, body, done) => done(null, new YamlText(String(body))))

  app.get('/policy', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'getPolicy', summary: 'The policy that decides', tags,
      response: { 200: jsonOr(PolicySchema, YAML, Type.String(), 'The policy, in JSON or YAML.', { headers }) },
    },
  }, async (request, reply) => {
    await catchUp(snapshot, log)
    // The number in the store, so that a policy that cannot be used (`state().fault`) can be replaced.
    const { storedRevision } = snapshot.state()
    const { source, revision, yaml } = snapshot.current()
    return answer(request, reply, { policy: source, revision: Math.max(storedRevision, revision), yaml })
  })

  app.put('/policy', {
    config: {
      role: 'editor', reads, body, headers: { 'If-Match': 'The ETag that was read, "7" say.' },
      errors: ['policy.invalid', 'policy.duplicate-rule', 'policy.stale', 'policy.precondition-required'],
    },
    schema: {
      operationId: 'putPolicy', summary: 'Replaces the policy', tags,
      response: { 200: jsonOr(PolicySchema, YAML, Type.String(), 'The policy as it was stored.', { headers }) },
    },
  }, async (request, reply) => {
    const expected = expectedRevision(request.headers['if-match'])
    const policy = readPolicy(request.body)
    const by = byOf(request)
    const { source = '', revision } = await putPolicy(store, policy, {
      ...by, expected, ...request.body instanceof YamlText && { source: request.body.text },
    }).catch(withPlace)
    log('info', `Policy revision ${revision} was stored by ${JSON.stringify(by.author)}`)
    await catchUp(snapshot, log)
    return answer(request, reply, { policy, revision, yaml: source === '' ? undefined : source })
  })

  app.post('/policy/validate', {
    config: { role: 'viewer', reads, body },
    schema: {
      operationId: 'validatePolicy', summary: 'Checks a policy and stores nothing', tags,
      response: { 200: json(Validation, 'Whether it is valid, and what is odd about it.') },
    },
  }, async (request) => {
    try {
      const policy = readPolicy(request.body)
      const warnings = analyse(policy, snapshot.current().tenants).slice(0, MAX_WARNINGS)
      return { valid: true, rules: policy.rules.length, errors: [], warnings }
    } catch (error) {
      if (!(error instanceof SluiceError) || !error.code.startsWith('policy.')) throw error
      return { valid: false, detail: sentence(error.message), errors: error.faults }
    }
  })
}

interface Told {
  readonly policy: Policy
  readonly revision: number
  readonly yaml: string | undefined
}

/** In YAML as it was written, comments and all. */
function answer(request: FastifyRequest, reply: FastifyReply, { policy, revision, yaml }: Told): FastifyReply {
  reply.header('etag', `"${revision}"`).header('vary', 'accept')
  return prefersYaml(request.headers.accept)
    ? reply.header('content-type', 'application/yaml; charset=utf-8').send(yaml ?? toYaml(policy))
    : reply.send(policy)
}

/** A policy that parses and compiles; a SluiceError `policy.*` otherwise. */
function readPolicy(body: unknown): Policy {
  const policy = body instanceof YamlText ? parsePolicyYaml(body.text, 'The body') : parsePolicy(body)
  compile(policy, 0)
  return policy
}

/** The store knows of revisions, not of the field that told one. */
function withPlace(error: unknown): never {
  if (!(error instanceof SluiceError) || error.code !== 'policy.stale') throw error
  throw new SluiceError(error.code, error.message, error.remedy,
    { faults: [{ path: 'If-Match', message: 'is not the revision in the store' }], cause: error })
}

function expectedRevision(ifMatch: string | undefined): number {
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
