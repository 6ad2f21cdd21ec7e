import Type from 'typebox'
import { analyse } from '../analyse.ts'
import { SluiceError, sentence } from '../errors.ts'
import { compile } from '../evaluate.ts'
import { parsePolicy, parsePolicyYaml, PolicySchema } from '../policy.ts'
import type { Policy } from '../policy.ts'
import { putPolicy } from '../store/put-policy.ts'
import { YAML_TYPES } from './accept.ts'
import { byOf } from './actor.ts'
import { json, nothing } from './answers.ts'
import { catchUp } from './catch-up.ts'
import { Costly } from './costly.ts'
import { storedPolicy } from './change-policy.ts'
import { answerPolicy, CommentQuery, expectedRevision, policyAnswer, withPlace, YAML } from './policy-answer.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { notModified } from './preconditions.ts'

/** Told of one policy. */
const MAX_WARNINGS = 100

/** A body that was sent as YAML. */
class YamlText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const reads = ['application/json', YAML]
const body = { 'application/json': PolicySchema, [YAML]: Type.String({ description: 'The same as YAML 1.2.' }) }
const tags = ['policy']

const Warning = Type.Object({
  path: Type.String({ description: 'where in the policy: rules/3' }),
  kind: Type.Enum(['never-matches', 'never-enforced', 'shadowed', 'contradicts-allowlist', 'spoofable']),
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
  warnings: Type.Optional(Type.Array(Warning, { description: 'rules that do nothing, contradict the allowlist, or allow uploads by what anybody can write' })),
}, { additionalProperties: false, title: 'Validation' })

/** `GET/PUT /policy`, `POST /policy/validate`, in JSON or YAML both ways. */
export function policyRoutes(app: AdminApp, ports: AdminPorts): void {
  const { store, snapshot, log } = ports
  app.addContentTypeParser([...YAML_TYPES], { parseAs: 'string' }, (_request, body, done) => done(null, new YamlText(String(body))))

  app.get('/policy', {
    config: { role: 'viewer', headers: { 'If-None-Match': 'ETags that are known already.' } },
    schema: {
      operationId: 'getPolicy', summary: 'The policy that decides', tags,
      response: { 200: policyAnswer('The policy, in JSON or YAML.'), 304: nothing('It is as it is known.') },
    },
  }, async (request, reply) => {
    await catchUp(snapshot, log)
    const { policy, revision } = storedPolicy(ports)
    if (notModified(request, reply, `"${revision}"`)) return reply.header('vary', 'accept').send(undefined)
    return answerPolicy(request, reply, { policy, revision, yaml: snapshot.current().yaml })
  })

  app.put('/policy', {
    config: {
      role: 'editor', reads, body, headers: { 'If-Match': 'The ETag that was read, "7" say.' },
      errors: ['policy.invalid', 'policy.duplicate-rule', 'policy.stale', 'policy.precondition-required'],
    },
    schema: {
      operationId: 'putPolicy', summary: 'Replaces the policy', tags, querystring: CommentQuery,
      response: { 200: policyAnswer('The policy as it was stored.') },
    },
  }, async (request, reply) => {
    const expected = expectedRevision(request.headers['if-match'])
    const policy = readPolicy(request.body)
    const by = byOf(request)
    const { source = '', revision } = await putPolicy(store, policy, {
      ...request.query, ...by, expected, ...request.body instanceof YamlText && { source: request.body.text },
    }).catch(withPlace)
    log('info', `Policy revision ${revision} was stored by ${JSON.stringify(by.author)}`)
    await catchUp(snapshot, log)
    return answerPolicy(request, reply, { policy, revision, yaml: source === '' ? undefined : source })
  })

  const costly = new Costly()
  app.post('/policy/validate', {
    config: { role: 'viewer', reads, body },
    schema: {
      operationId: 'validatePolicy', summary: 'Checks a policy and stores nothing', tags,
      response: { 200: json(Validation, 'Whether it is valid, and what is odd about it.') },
    },
  }, async (request) => {
    try {
      return await costly.run(request.actor?.author ?? '', () => {
        const policy = readPolicy(request.body)
        const warnings = analyse(policy, snapshot.current().tenants).slice(0, MAX_WARNINGS)
        return { valid: true, rules: policy.rules.length, errors: [], warnings }
      })
    } catch (error) {
      if (!(error instanceof SluiceError) || !error.code.startsWith('policy.')) throw error
      return { valid: false, detail: sentence(error.message), errors: error.faults }
    }
  })
}

/** A policy that parses and compiles; a SluiceError `policy.*` otherwise. */
function readPolicy(body: unknown): Policy {
  const policy = body instanceof YamlText ? parsePolicyYaml(body.text, 'The body') : parsePolicy(body)
  compile(policy, 0)
  return policy
}
