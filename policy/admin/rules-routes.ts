import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { TSchema } from 'typebox'
import { addRule, findRule, moveRule, removeRule, replaceRule } from '../edit-rules.ts'
import type { Place } from '../edit-rules.ts'
import { mergePatch } from '../merge-patch.ts'
import { parseRule, RuleSchema } from '../policy.ts'
import type { Policy, Rule } from '../policy.ts'
import { byOf } from './actor.ts'
import { ETAG, json, nothing } from './answers.ts'
import { catchUp } from './catch-up.ts'
import { policyChanger, storedPolicy } from './change-policy.ts'
import type { Stored } from './change-policy.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { matches, notModified, requireMatch, stale } from './preconditions.ts'
import { RULES_CURSOR, RULES_PAGE, RULES_PAGE_MAX, rulesPage } from './rules-page.ts'

const MERGE_PATCH = 'application/merge-patch+json'
/** 128 bits: nobody makes two rules of one tag. */
const TAG_DIGITS = 32

const closed = { additionalProperties: false }
const tags = ['rules']
const id = Type.String({ minLength: 1, maxLength: 64, description: 'the id of a rule' })
const Which = Type.Object({ id }, closed)
const ListQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: `a number from 1 to ${RULES_PAGE_MAX}` })),
  cursor: Type.Optional(Type.String({ pattern: RULES_CURSOR, description: 'what the page before gave as next' })),
}, { ...closed, description: 'limit= and cursor=, both optional' })
const PlaceQuery = Type.Object({
  before: Type.Optional(id), after: Type.Optional(id),
  to: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,4}$', description: 'a place, counted from 1' })),
}, { ...closed, maxProperties: 1, description: 'one of before=, after= and to=; the end where none is given' })
const Move = Type.Object({
  before: Type.Optional(id), after: Type.Optional(id),
  to: Type.Optional(Type.Integer({ minimum: 1, maximum: 99_999, description: 'a place, counted from 1' })),
}, { ...closed, minProperties: 1, maxProperties: 1, title: 'RuleMove', description: 'an object of one of before, after and to' })
const { id: ruleId, action, description, enabled, mode, message } = RuleSchema.properties
const Parts = Type.Object({}, { description: 'the parts of it that change' })
const Patch = Type.Partial(Type.Object({
  id: ruleId, action, description: orNull(description), enabled: orNull(enabled), mode: orNull(mode), message: orNull(message),
  enforceFor: orNull(Parts), when: orNull(Parts),
}), { ...closed, title: 'RulePatch', description: 'a rule by those of its parts that change' })
const PageSchema = Type.Object({
  revision: Type.Integer({ description: 'the revision of the policy' }),
  rules: Type.Array(RuleSchema),
  etags: Type.Record(Type.String(), Type.String(), { description: 'the ETag of each rule, by its id' }),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'RulesPage' })

const REVISION = { 'Sluice-Revision': 'The revision of the policy from then on.' }
const IF_MATCH = { 'If-Match': 'The ETag of the rule as it was read, or *.' }
const one = { headers: { ...ETAG, ...REVISION } }
const changeErrors = ['rule.not-found', 'rule.stale', 'policy.precondition-required'] as const

function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

/** `GET/POST /rules`, `GET/PATCH/DELETE /rules/:id`, `POST /rules/:id/move`: who edits one rule is not disturbed by who edits another. */
export function rulesRoutes(app: AdminApp, ports: AdminPorts): void {
  const { snapshot, log } = ports
  const change = policyChanger(ports)
  app.addContentTypeParser(MERGE_PATCH, { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))

  app.get('/rules', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'listRules', summary: 'The rules in their order, in pages', tags, querystring: ListQuery,
      response: { 200: json(PageSchema, 'Rules, first to last.', { headers: REVISION }) },
    },
  }, async (request, reply) => {
    await catchUp(snapshot, log)
    const { cursor, limit } = request.query
    const { policy, revision } = storedPolicy(ports)
    const page = rulesPage(policy.rules, cursor, limit === undefined ? RULES_PAGE : Number(limit))
    const etags = Object.fromEntries(page.rules.map((rule) => [rule.id, tagOf(rule)]))
    return reply.header('sluice-revision', revision).send({ revision, ...page, etags })
  })

  app.post('/rules', {
    config: {
      role: 'editor', idempotent: true, body: { 'application/json': RuleSchema },
      errors: ['policy.invalid', 'policy.duplicate-rule', 'rule.not-found'],
    },
    schema: {
      operationId: 'createRule', summary: 'Adds a rule, at the end or where it is said', tags, querystring: PlaceQuery,
      response: { 201: json(RuleSchema, 'The rule as it was stored.', { headers: { ...one.headers, Location: 'Where the rule is.' } }) },
    },
  }, async (request, reply) => {
    const { to, ...beside } = request.query
    const rule = parseRule(request.body)
    const place: Place = { ...beside, ...to !== undefined && { to: Number(to) } }
    const { revision } = await change(byOf(request), (policy) => addRule(policy, rule, place))
    return answer(reply.code(201).header('location', `/v1/rules/${rule.id}`), rule, revision)
  })

  app.get('/rules/:id', {
    config: { role: 'viewer', errors: ['rule.not-found'], headers: { 'If-None-Match': 'ETags that are known already.' } },
    schema: {
      operationId: 'getRule', summary: 'One rule', tags, params: Which,
      response: { 200: json(RuleSchema, 'The rule.', one), 304: nothing('It is as it is known.') },
    },
  }, async (request, reply) => {
    await catchUp(snapshot, log)
    const { policy, revision } = storedPolicy(ports)
    const rule = findRule(policy, request.params.id)
    return notModified(request, reply, tagOf(rule)) ? reply.send(undefined) : answer(reply, rule, revision)
  })

  app.patch('/rules/:id', {
    config: {
      role: 'editor', reads: [MERGE_PATCH, 'application/json'], headers: IF_MATCH, body: { [MERGE_PATCH]: Patch, 'application/json': Patch },
      errors: [...changeErrors, 'policy.invalid', 'policy.duplicate-rule'],
    },
    schema: {
      operationId: 'patchRule', summary: 'Changes parts of a rule', tags, params: Which,
      description: 'By JSON merge patch (RFC 7396): what is null is taken away. Another id renames the rule, in its place.',
      response: { 200: json(RuleSchema, 'The rule as it was stored.', one) },
    },
  }, async (request, reply) => {
    let id = ''
    const stored = await changeSeen(request, (policy, rule) => {
      const next = parseRule(mergePatch(rule, request.body))
      id = next.id
      return replaceRule(policy, rule.id, next)
    })
    return answer(reply, findRule(stored.policy, id), stored.revision)
  })

  app.delete('/rules/:id', {
    config: { role: 'editor', headers: IF_MATCH, errors: changeErrors },
    schema: {
      operationId: 'deleteRule', summary: 'Takes a rule out of the policy', tags, params: Which,
      response: { 204: nothing('It is gone.', { headers: REVISION }) },
    },
  }, async (request, reply) => {
    const { revision } = await changeSeen(request, (policy, rule) => removeRule(policy, rule.id))
    return reply.code(204).header('sluice-revision', revision).send()
  })

  app.post('/rules/:id/move', {
    config: { role: 'editor', headers: IF_MATCH, errors: changeErrors },
    schema: {
      operationId: 'moveRule', summary: 'Moves a rule to another place', tags, params: Which, body: Move,
      response: { 200: json(RuleSchema, 'The rule, which is as it was.', one) },
    },
  }, async (request, reply) => {
    const stored = await changeSeen(request, (policy, rule) => moveRule(policy, rule.id, request.body))
    return answer(reply, findRule(stored.policy, request.params.id), stored.revision)
  })

  /** Changes a rule that is as If-Match says. */
  function changeSeen(
    request: FastifyRequest<{ Params: { id: string } }>, edit: (policy: Policy, rule: Rule) => Policy,
  ): Promise<Stored> {
    const seen = requireMatch(request, 'A rule')
    return change(byOf(request), (policy) => {
      const rule = findRule(policy, request.params.id)
      if (!matches(seen, tagOf(rule))) throw stale('rule.stale', `The rule ${rule.id}`)
      return edit(policy, rule)
    })
  }
}

function answer(reply: FastifyReply, rule: Rule, revision: number): FastifyReply {
  return reply.headers({ 'etag': tagOf(rule), 'sluice-revision': revision }).send(rule)
}

/** A strong tag of what the rule says: it stays where the rule is moved, or others are changed. */
function tagOf(rule: Rule): string {
  return `"${hash('sha256', JSON.stringify(rule), 'hex').slice(0, TAG_DIGITS)}"`
}
