import { Readable } from 'node:stream'
import Type from 'typebox'
import { atPlace, SluiceError } from '../errors.ts'
import { compile } from '../evaluate.ts'
import { MOMENT } from '../moment.ts'
import { ACTIONS } from '../operation.ts'
import { parsePolicy, parsePolicyYaml, PolicySchema } from '../policy.ts'
import type { Policy } from '../policy.ts'
import { AGAINST } from '../simulate.ts'
import type { SimulationResult } from '../simulate.ts'
import { YAML_TYPES } from './accept.ts'
import { jsonOr } from './answers.ts'
import { Costly } from './costly.ts'
import { problemOf } from './errors.ts'
import { momentOf } from './events-query.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import type { SimulationProgress, SimulationRequest } from './simulate-port.ts'
import { checker } from './validate.ts'

const NDJSON = 'application/x-ndjson'
const YAML = YAML_TYPES[0]
const MAX_EVENTS = 100_000_000

const closed = { additionalProperties: false }
const moment = Type.Optional(Type.String({ minLength: 2, maxLength: 40, description: MOMENT }))
const against = Type.Optional(Type.Enum([...AGAINST], {
  description: 'current (what the policy in force decides on the same facts; so if left out) or recorded (what was decided then)',
}))
const QuerySchema = Type.Object({
  since: moment, until: moment, against,
  limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: `a number of events from 1, the newest first` })),
}, { ...closed, description: 'any of since, until, limit and against' })
const options = {
  since: moment, until: moment, against,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_EVENTS, description: 'a number of events from 1, the newest first' })),
}
const described = { ...closed, description: 'an object of policy and, if wanted, since, until, limit, against' }
/** As it is told; whether the policy is one is for `parsePolicy`, which says more. */
const BodySchema = Type.Object({ policy: PolicySchema, ...options }, described)
const checkBody = checker(Type.Object({ policy: Type.Unknown({ description: 'a policy' }), ...options }, described), 'The body')

const count = Type.Integer({ minimum: 0 })
const action = Type.Enum([...ACTIONS])
const rule = Type.Union([Type.String(), Type.Null()], { description: 'null: no rule, default or unknownTenant' })
const changes = Type.Array(Type.Object({ from: action, to: action, events: count }))
const tops = Type.Array(Type.Object({ key: Type.String(), events: count, changes }), { description: 'most events first; (other): all the rest' })
const decided = Type.Object({ action, rule })
const instant = Type.Union([Type.String(), Type.Null()])
const Simulation = Type.Object({
  against: Type.Enum([...AGAINST]),
  events: Type.Integer({ minimum: 0, description: 'events that were replayed' }),
  skipped: Type.Integer({ minimum: 0, description: 'events on which no policy decided: tunnels, refusals of what is no request' }),
  unreadable: Type.Integer({ minimum: 0, description: 'lines that are no events' }),
  changed: Type.Integer({ minimum: 0, description: 'events that the draft decides otherwise' }),
  oldest: instant, newest: instant, changes,
  byRule: Type.Array(Type.Object({ before: rule, after: rule, events: count, changes }), { description: 'by the rules that decided before and would' }),
  byUser: tops, byProvider: tops, byTenant: tops,
  monitored: Type.Array(Type.Object({ rule: Type.String(), action, events: count }), { description: 'what rules in monitor mode would have done' }),
  inexact: Type.Array(Type.Object({ condition: Type.String(), events: count }), {
    description: 'what the policies go by and some events do not tell as it was: there the decision may be another',
  }),
  samples: Type.Array(Type.Object({
    id: Type.String(), at: Type.String(), user: Type.Optional(Type.String()), provider: Type.Union([Type.String(), Type.Null()]), activity: Type.String(),
    host: Type.String(), tenant: Type.Union([Type.String(), Type.Null()]), fileName: Type.Optional(Type.String()), bytes: count, from: decided, to: decided,
  }), { description: 'some of the changed events, newest first' }),
}, { ...closed, title: 'Simulation' })
const Lines = Type.Unsafe<Readable>(Type.String({
  description: 'One JSON value a line: {"progress": {events, bytes, totalBytes}}, and last {"result": …} or {"error": problem}.',
}))

/** `POST /policy/simulate`: what a draft would have decided otherwise on the events that this node recorded; nothing is stored. */
export function simulateRoutes(app: AdminApp, { simulate, log }: AdminPorts): void {
  app.addContentTypeParser([...YAML_TYPES], { parseAs: 'string' }, (_request, text, done) => done(null, new YamlText(String(text))))

  const costly = new Costly()
  app.post('/policy/simulate', {
    config: {
      role: 'viewer', reads: ['application/json', YAML], errors: ['policy.invalid', 'policy.duplicate-rule', 'simulate.busy'],
      body: { 'application/json': BodySchema, [YAML]: Type.String({ description: 'The policy as YAML; all else in the query.' }) },
    },
    schema: {
      operationId: 'simulatePolicy', summary: 'What a draft would have decided otherwise on recorded events', tags: ['decisions'],
      description: 'Tenants keep the standing that was recorded. One simulation at a time runs on a node; it ends with its connection.',
      querystring: QuerySchema, response: { 200: jsonOr(Simulation, NDJSON, Lines, 'The changes; as NDJSON with the progress before.') },
    },
  }, async (request, reply) => {
    const read = await costly.run(request.actor?.author ?? '', () => requestOf(request.body, request.query))
    const asked = { ...read, byName: request.actor?.role === 'admin' }
    if (reply.raw.destroyed) return reply.hijack() // nobody is there any more
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    if (!(request.headers.accept ?? '').toLowerCase().includes(NDJSON)) {
      return simulate(asked, gone.signal, () => undefined).catch((error: unknown) => {
        if (!gone.signal.aborted) throw error
        return reply.hijack() // nobody is there to be answered
      })
    }
    const run = new Run((onProgress) => simulate(asked, gone.signal, onProgress))
    // Until then it may be refused with a status of its own.
    await run.started
    return reply.header('content-type', NDJSON).send(Readable.from(run.lines((error) => {
      if (error instanceof SluiceError || gone.signal.aborted) return
      log('error', `A simulation failed: ${error instanceof Error ? error.message : String(error)}`)
    }), { objectMode: false }))
  })
}

/** A body that was sent as YAML. */
class YamlText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

function requestOf(body: unknown, query: { since?: string; until?: string; limit?: string; against?: SimulationRequest['against'] }): Omit<SimulationRequest, 'byName'> {
  const now = Date.now()
  const { policy, ...given } = body instanceof YamlText ? { policy: body } : checkBody(body)
  const { since, until, limit, against = 'current' } = { ...query, ...query.limit === undefined ? {} : { limit: Number(query.limit) }, ...given }
  return {
    draft: policy instanceof YamlText ? checked(parsePolicyYaml(policy.text, 'The body')) : atPlace('The draft', 'policy', () => checked(parsePolicy(policy))),
    against,
    ...since === undefined ? {} : { since: momentOf('since', since, now) },
    ...until === undefined ? {} : { until: momentOf('until', until, now) },
    ...limit === undefined ? {} : { limit: Number(limit) },
  }
}

function checked(policy: Policy): Policy {
  compile(policy, 0)
  return policy
}

/** A simulation whose progress is told line by line. Of what nobody has taken yet the latest counts. */
class Run {
  /** Resolves when it runs; rejects when it never did. */
  readonly started: Promise<void>
  readonly #result: Promise<SimulationResult>
  #latest: SimulationProgress | null = null
  #wake = Promise.withResolvers<void>()
  #isOver = false

  constructor(begin: (onProgress: (progress: SimulationProgress) => void) => Promise<SimulationResult>) {
    const started = Promise.withResolvers<void>()
    this.started = started.promise
    this.#result = begin((progress) => {
      this.#latest = progress
      started.resolve()
      this.#wake.resolve()
    })
    this.#result.then(() => started.resolve(), (error: unknown) => started.reject(error)).finally(() => {
      this.#isOver = true
      this.#wake.resolve()
    })
  }

  async *lines(onError: (error: unknown) => void): AsyncGenerator<string> {
    while (!this.#isOver) {
      await this.#wake.promise
      this.#wake = Promise.withResolvers()
      const progress = this.#latest
      this.#latest = null
      if (progress !== null) yield `${JSON.stringify({ progress })}\n`
    }
    try {
      yield `${JSON.stringify({ result: await this.#result })}\n`
    } catch (error) {
      onError(error)
      yield `${JSON.stringify({ error: problemOf(error) })}\n`
    }
  }
}
