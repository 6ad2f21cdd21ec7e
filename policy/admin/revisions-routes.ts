import { setImmediate } from 'node:timers/promises'
import Type from 'typebox'
import type { Static } from 'typebox'
import { diffPolicies } from '../diff.ts'
import { SluiceError } from '../errors.ts'
import { compile } from '../evaluate.ts'
import { parsePolicy, PolicySchema, RuleSchema, toYaml } from '../policy.ts'
import type { Policy } from '../policy.ts'
import { corrupt } from '../store/corrupt.ts'
import { putPolicy } from '../store/put-policy.ts'
import type { Revision, Store } from '../store/store.ts'
import { byOf } from './actor.ts'
import { json, jsonOr } from './answers.ts'
import { catchUp } from './catch-up.ts'
import { answerPolicy, answerYaml, CommentQuery, expectedRevision, policyAnswer, withPlace, YAML } from './policy-answer.ts'
import type { AdminApp, AdminPorts } from './ports.ts'

/** A page where nothing is said, and at most: each revision is a whole policy, of up to 1 MiB. */
const PAGE = 20
const PAGE_MAX = 100
/** How many revisions are read at once. */
const AT_ONCE = 5
/** Changes told of one revision in the list; `…/diff` tells all. */
const MAX_CHANGES = 20

const closed = { additionalProperties: false }
const tags = ['policy']
const number = { pattern: '^[1-9][0-9]{0,14}$', description: 'the number of a revision' }
const Which = Type.Object({ n: Type.String(number) }, closed)
const ListQuery = Type.Object({
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]?|100)$', description: `a number from 1 to ${PAGE_MAX}` })),
  cursor: Type.Optional(Type.String({ ...number, description: 'what the page before gave as next' })),
}, { ...closed, description: 'limit= and cursor=, both optional' })
const DiffQuery = Type.Object({
  against: Type.Optional(Type.String({ ...number, description: 'the number of the revision that it is compared with (left out: the one before)' })),
}, { ...closed, description: 'against=, optional' })

const text = Type.String()
const place = Type.Integer({ minimum: 1, description: 'counted from 1' })
const about = {
  revision: Type.Integer({ minimum: 1 }),
  author: text,
  from: Type.Optional(Type.String({ description: 'the address that it came from, or cli' })),
  at: Type.String({ description: 'ISO 8601, UTC' }),
  comment: Type.Optional(text),
  restores: Type.Optional(Type.Integer({ description: 'the revision whose policy this one brought back' })),
}
const Change = Type.Union([
  Type.Object({ kind: Type.Literal('set'), path: Type.Enum(['default', 'unknownTenant']) }, closed),
  Type.Object({ kind: Type.Enum(['added', 'removed']), ruleId: text, place }, closed),
  Type.Object({ kind: Type.Literal('moved'), ruleId: text, from: place, to: place }, closed),
  Type.Object({ kind: Type.Literal('changed'), ruleId: text, paths: Type.Array(text, { description: 'action, when/size/atLeast, say' }) }, closed),
], { title: 'PolicyChange' })
const Listed = Type.Object({
  ...about,
  changes: Type.Optional(Type.Array(Change, { description: 'against the revision before; absent where that is not there' })),
  moreChanges: Type.Optional(Type.Integer({ description: 'how many changes are left out here' })),
}, { ...closed, title: 'RevisionSummary' })
const PageSchema = Type.Object({
  revisions: Type.Array(Listed),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent on the last' })),
}, { ...closed, title: 'RevisionsPage' })
const Whole = Type.Object({ ...about, policy: PolicySchema }, { ...closed, title: 'Revision' })
const values = { path: text, before: Type.Optional(Type.Unknown()), after: Type.Optional(Type.Unknown()) }
const Difference = Type.Union([
  Type.Object({ kind: Type.Literal('set'), ...values }, closed),
  Type.Object({ kind: Type.Enum(['added', 'removed']), rule: RuleSchema, place }, closed),
  Type.Object({ kind: Type.Literal('moved'), ruleId: text, from: place, to: place }, closed),
  Type.Object({ kind: Type.Literal('changed'), ruleId: text, fields: Type.Array(Type.Object(values, closed)) }, closed),
], { title: 'PolicyDifference' })
const Diff = Type.Object({
  revision: Type.Integer(), against: Type.Integer(), changes: Type.Array(Difference, { description: 'none where both mean the same' }),
}, { ...closed, title: 'RevisionDiff' })

/** `GET /policy/revisions`, `GET /policy/revisions/:n` with `/diff`, `POST /policy/revisions/:n/restore`: how the policy came to be. */
export function revisionsRoutes(app: AdminApp, { store, snapshot, log }: AdminPorts): void {
  app.get('/policy/revisions', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'listRevisions', summary: 'Who changed the policy, when, and how', tags, querystring: ListQuery,
      response: { 200: json(PageSchema, 'Revisions, newest first.') },
    },
  }, async (request) => {
    const { limit: given, cursor } = request.query
    const limit = given === undefined ? PAGE : Number(given)
    const revisions: Static<typeof Listed>[] = []
    let newer: Revision | undefined
    // One more: the last of the page is told by what it changes, too.
    for await (const revision of newestFirst(store, cursor === undefined ? undefined : Number(cursor), limit + 1)) {
      if (newer !== undefined) revisions.push({ ...aboutOf(newer), ...changesOf(revision, newer) })
      newer = revision
    }
    if (newer !== undefined && revisions.length < limit) return { revisions: [...revisions, aboutOf(newer)] }
    const last = revisions.at(-1)
    return { revisions, ...last !== undefined && { next: String(last.revision) } }
  })

  app.get('/policy/revisions/:n', {
    config: { role: 'viewer', errors: ['revision.not-found'] },
    schema: {
      operationId: 'getRevision', summary: 'The policy as it once was', tags, params: Which,
      response: {
        200: jsonOr(Whole, YAML, Type.String(), 'The revision; in YAML the policy as it was written.', { headers: { Vary: 'accept' } }),
      },
    },
  }, async (request, reply) => {
    const revision = await find(Number(request.params.n))
    const policy = policyOf(revision)
    return answerYaml(request, reply) ? reply.send(revision.source ?? toYaml(policy)) : reply.send({ ...aboutOf(revision), policy })
  })

  app.get('/policy/revisions/:n/diff', {
    config: { role: 'viewer', errors: ['revision.not-found'] },
    schema: {
      operationId: 'diffRevision', summary: 'What two revisions say differently, with both values', tags, params: Which, querystring: DiffQuery,
      response: { 200: json(Diff, 'What has to change for the one to become the other.') },
    },
  }, async (request) => {
    const n = Number(request.params.n)
    const against = request.query.against === undefined ? n - 1 : Number(request.query.against)
    const [after, before] = [policyOf(await find(n)), policyOf(await find(against, 'against'))]
    return { revision: n, against, changes: diffPolicies(before, after) }
  })

  app.post('/policy/revisions/:n/restore', {
    config: {
      role: 'editor', headers: { 'If-Match': 'The ETag of the policy as it is now.' },
      errors: ['revision.not-found', 'policy.invalid', 'policy.stale', 'policy.precondition-required'],
    },
    schema: {
      operationId: 'restoreRevision', summary: 'Makes the policy of an earlier revision the one that decides', tags,
      description: 'It becomes a new revision; those between stay in the history.', params: Which, querystring: CommentQuery,
      response: { 200: policyAnswer('The policy, under its new revision.') },
    },
  }, async (request, reply) => {
    const expected = expectedRevision(request.headers['if-match'])
    const old = await find(Number(request.params.n))
    const policy = parsePolicy(old.policy)
    compile(policy, 0)
    const by = byOf(request)
    const { revision, source } = await putPolicy(store, policy, { ...request.query, ...by, expected, restores: old.revision }).catch(withPlace)
    log('info', `Policy revision ${revision}, which restores ${old.revision}, was stored by ${JSON.stringify(by.author)}`)
    await catchUp(snapshot, log)
    return answerPolicy(request, reply, { policy, revision, yaml: source })
  })

  async function find(n: number, path = 'n'): Promise<Revision> {
    const revision = n === 0 ? null : await store.revision(n)
    if (revision !== null) return revision
    throw new SluiceError('revision.not-found', `There is no revision ${n}.`, 'GET /v1/policy/revisions lists those there are.',
      { faults: [{ path, message: 'is no revision' }] })
  }
}

/** Few at a time are in memory, since each is a whole policy; between them the traffic has its turn. */
async function* newestFirst(store: Pick<Store, 'revisions'>, before: number | undefined, count: number): AsyncGenerator<Revision> {
  let below = before
  for (let left = count; left > 0;) {
    const limit = Math.min(left, AT_ONCE)
    const found = await store.revisions({ limit, ...below !== undefined && { before: below } })
    for (const revision of found) {
      yield revision
      below = revision.revision
      await setImmediate()
    }
    left = found.length < limit ? 0 : left - limit
  }
}

function aboutOf({ revision, author, from, at, comment, restores }: Revision) {
  return {
    revision, author, at, ...from !== undefined && { from }, ...comment !== undefined && { comment }, ...restores !== undefined && { restores },
  }
}

/** The policy of a revision. Another tool may have stored what is none: `store.corrupt`. */
function policyOf(revision: Revision): Policy {
  try {
    return parsePolicy(revision.policy)
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    throw corrupt(`Revision ${revision.revision}`, 'its policy is not valid')
  }
}

/** Enough of a policy to be compared: a whole check of each of many long ones would take seconds. */
function isComparable({ policy }: { readonly policy: unknown }): boolean {
  return typeof policy === 'object' && policy !== null && 'rules' in policy && Array.isArray(policy.rules) &&
    policy.rules.every((rule: unknown) => typeof rule === 'object' && rule !== null && 'id' in rule && typeof rule.id === 'string')
}

/** The changes without their values, which may be long. */
function changesOf(before: Revision | undefined, after: Revision): Pick<Static<typeof Listed>, 'changes' | 'moreChanges'> {
  if (before === undefined || !isComparable(before) || !isComparable(after)) return {}
  const all = diffPolicies(before.policy, after.policy)
  const changes = all.slice(0, MAX_CHANGES).map((change) => {
    switch (change.kind) {
      case 'set': return { kind: change.kind, path: change.path === 'default' ? 'default' as const : 'unknownTenant' as const }
      case 'added':
      case 'removed': return { kind: change.kind, ruleId: change.rule.id, place: change.place }
      case 'moved': return change
      case 'changed': return { kind: change.kind, ruleId: change.ruleId, paths: change.fields.map(({ path }) => path) }
    }
  })
  return { changes, ...all.length > MAX_CHANGES && { moreChanges: all.length - MAX_CHANGES } }
}
