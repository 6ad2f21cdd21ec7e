/** Replays recorded events on a draft policy, and tells what it would decide otherwise. Pure, in bounded memory. */
import type { ConditionName } from './conditions.ts'
import { compile, evaluate } from './evaluate.ts'
import type { CompiledPolicy } from './evaluate.ts'
import type { Action } from './operation.ts'
import { readRecordedEvent } from './recorded-event.ts'
import type { RecordedEvent } from './recorded-event.ts'
import type { Policy, Rule, When } from './schema.ts'
import { OTHER, Tops } from './tops.ts'
import type { Change, Top } from './tops.ts'

/** What the draft is compared with: what the policy in force decides on the same facts, or what was decided then. */
export const AGAINST = ['current', 'recorded'] as const
export type Against = (typeof AGAINST)[number]

/** What in a policy cannot be replayed on some events: a condition, or `enforceFor` by percent. */
export type Inexact = ConditionName | 'enforceFor'

export interface Decided {
  readonly action: Action
  readonly rule: string | null
}

/** One event that the draft decides otherwise. */
export interface Sample {
  readonly id: string
  readonly at: string
  readonly user?: string
  readonly provider: string | null
  readonly activity: string
  readonly host: string
  readonly tenant: string | null
  readonly fileName?: string
  readonly bytes: number
  readonly from: Decided
  readonly to: Decided
}

/** Changes by the rule that decided before and the one that would; null: none, `default` or `unknownTenant`. */
export interface RuleTop {
  readonly before: string | null
  readonly after: string | null
  readonly events: number
  readonly changes: readonly Change[]
}

export interface SimulationResult {
  readonly against: Against
  /** Events that were replayed. */
  readonly events: number
  /** Events on which no policy decided: tunnels, refusals of what is no request. */
  readonly skipped: number
  /** Lines that are no events of Sluice. */
  readonly unreadable: number
  /** Events that the draft decides otherwise. */
  readonly changed: number
  /** `@timestamp` of the oldest and the newest event that was replayed. */
  readonly oldest: string | null
  readonly newest: string | null
  readonly changes: readonly Change[]
  readonly byRule: readonly RuleTop[]
  readonly byUser: readonly Top[]
  readonly byProvider: readonly Top[]
  readonly byTenant: readonly Top[]
  /** What rules of the draft in monitor mode would have done. */
  readonly monitored: readonly { readonly rule: string; readonly action: Action; readonly events: number }[]
  /** What the policies go by and some events do not tell as it was, with how many: their decision may be another. */
  readonly inexact: readonly { readonly condition: Inexact; readonly events: number }[]
  /** Some of the changed events, in the order in which they were replayed. */
  readonly samples: readonly Sample[]
}

export interface SimulationSettings {
  readonly draft: Policy
  readonly current: Policy
  readonly against: Against
  /** `policy.late` */
  readonly late: 'block' | 'allow'
  /** Both policies name users by their pseudonyms too (`withPseudonyms`), so that they hold on events that tell those. */
  readonly knowsPseudonyms?: boolean
  /** Samples that are kept; 100 by default. */
  readonly samples?: number
}

const MAX_KEYS = 10_000
const TOPS = 50
const SAMPLES = 100
/** Stands in no rule id. */
const BETWEEN = ' '

export class Simulation {
  readonly #against: Against
  readonly #draft: CompiledPolicy
  readonly #current: CompiledPolicy
  /** What the policies go by. */
  readonly #asked: ReadonlySet<Inexact>
  readonly #knowsUsers: boolean
  readonly #maxSamples: number
  readonly #tops = { all: new Tops(1), rule: new Tops(MAX_KEYS), user: new Tops(MAX_KEYS), provider: new Tops(MAX_KEYS), tenant: new Tops(MAX_KEYS) }
  readonly #monitored = new Map<string, { rule: string; action: Action; events: number }>()
  readonly #inexact = new Map<Inexact, number>()
  readonly #samples: Sample[] = []
  #events = 0
  #skipped = 0
  #unreadable = 0
  #changed = 0
  #oldest = Infinity
  #newest = -Infinity

  constructor({ draft, current, against, late, knowsPseudonyms = false, samples = SAMPLES }: SimulationSettings) {
    this.#against = against
    this.#draft = compile(draft, 0, { late })
    this.#current = compile(current, 0, { late })
    this.#asked = new Set([draft, ...against === 'current' ? [current] : []].flatMap(askedBy))
    this.#knowsUsers = knowsPseudonyms
    this.#maxSamples = samples
  }

  /** Events that were replayed so far. */
  get events(): number {
    return this.#events
  }

  /** One recorded event as parsed JSON; undefined for a line that is none. */
  add(value: unknown): void {
    const recorded = readRecordedEvent(value)
    if (recorded === undefined) this.#unreadable++
    else if (recorded === 'other') this.#skipped++
    else this.#replay(recorded)
  }

  result(): SimulationResult {
    const { all, rule, user, provider, tenant } = this.#tops
    return {
      against: this.#against,
      events: this.#events, skipped: this.#skipped, unreadable: this.#unreadable, changed: this.#changed,
      oldest: this.#events === 0 ? null : new Date(this.#oldest).toISOString(),
      newest: this.#events === 0 ? null : new Date(this.#newest).toISOString(),
      changes: all.top(1)[0]?.changes ?? [],
      byRule: rule.top(TOPS).map(({ key, ...counted }) => ({ ...rulesOf(key), ...counted })),
      byUser: user.top(TOPS), byProvider: provider.top(TOPS), byTenant: tenant.top(TOPS),
      monitored: [...this.#monitored.values()].sort((a, b) => b.events - a.events).slice(0, TOPS),
      inexact: [...this.#inexact].map(([condition, events]) => ({ condition, events })).sort((a, b) => b.events - a.events),
      samples: this.#samples,
    }
  }

  #replay(recorded: RecordedEvent): void {
    const { facts, at } = recorded
    this.#events++
    this.#oldest = Math.min(this.#oldest, at)
    this.#newest = Math.max(this.#newest, at)
    const after = evaluate(this.#draft, facts)
    const before = this.#against === 'current' ? evaluate(this.#current, facts) : null
    this.#noteInexact(recorded, !after.settled || before?.settled === false)
    for (const { ruleId, action } of after.decision.monitored ?? []) this.#noteMonitored(ruleId, action)
    const { action: from, ruleId: fromRule } = before?.decision ?? recorded.decision
    const { action: to, ruleId: toRule } = after.decision
    if (from === to) return
    this.#changed++
    this.#tops.all.add('', from, to)
    this.#tops.rule.add(`${fromRule ?? ''}${BETWEEN}${toRule ?? ''}`, from, to)
    if (facts.user !== undefined) this.#tops.user.add(facts.user, from, to)
    this.#tops.provider.add(facts.provider ?? 'none', from, to)
    if (recorded.tenant !== null) this.#tops.tenant.add(recorded.tenant, from, to)
    if (this.#samples.length < this.#maxSamples) this.#samples.push(sampleOf(recorded, { action: from, rule: fromRule }, { action: to, rule: toRule }))
  }

  #noteInexact({ inexact, isPseudonymous }: RecordedEvent, isOpen: boolean): void {
    for (const condition of inexact) {
      if (this.#asked.has(condition) && !(condition === 'user' && this.#knowsUsers)) this.#noteOne(condition)
    }
    // What was sent before is not told, and the newest events come first.
    if (this.#asked.has('volume')) this.#noteOne('volume')
    // A share of all users is drawn by their names.
    if (isPseudonymous && this.#asked.has('enforceFor')) this.#noteOne('enforceFor')
    // The transfer ended, or was cut, before its size was known.
    if (isOpen) this.#noteOne('size')
  }

  #noteOne(condition: Inexact): void {
    this.#inexact.set(condition, (this.#inexact.get(condition) ?? 0) + 1)
  }

  #noteMonitored(rule: string, action: Action): void {
    const noted = this.#monitored.get(rule)
    if (noted === undefined) this.#monitored.set(rule, { rule, action, events: 1 })
    else noted.events++
  }
}

function sampleOf({ id, at, facts, tenant }: RecordedEvent, from: Decided, to: Decided): Sample {
  return {
    id, at: new Date(at).toISOString(),
    ...facts.user === undefined ? {} : { user: facts.user },
    provider: facts.provider, activity: facts.activity, host: facts.host, tenant,
    ...facts.fileName === undefined ? {} : { fileName: facts.fileName },
    bytes: facts.size.bytes, from, to,
  }
}

function rulesOf(key: string): Pick<RuleTop, 'before' | 'after'> {
  if (key === OTHER) return { before: OTHER, after: OTHER }
  const [before = '', after = ''] = key.split(BETWEEN)
  return { before: before === '' ? null : before, after: after === '' ? null : after }
}

/** What enabled rules of a policy go by. */
function askedBy({ rules }: Policy): Inexact[] {
  return rules.filter(({ enabled }) => enabled).flatMap(({ when, enforceFor }) => [
    ...conditionsOf(when),
    ...enforceFor?.groups === undefined ? [] : ['group' as const],
    ...enforceFor?.percent === undefined ? [] : ['enforceFor' as const],
  ])
}

function conditionsOf(when: When): ConditionName[] {
  const names = Object.keys(when) as ConditionName[] // the schema lets no other key in
  return when.not === undefined ? names : [...names, ...conditionsOf(when.not)]
}

/** The policy, naming the pseudonym of each user that it names too. For evaluation: lists may be longer than the schema allows. */
export function withPseudonyms(policy: Policy, pseudonymOf: (user: string) => string): Policy {
  const named = (when: When): When => ({
    ...when,
    ...when.user === undefined ? {} : { user: [when.user].flat().flatMap(user => [user, pseudonymOf(user)]) },
    ...when.not === undefined ? {} : { not: named(when.not) },
  })
  return { ...policy, rules: policy.rules.map((rule): Rule => ({ ...rule, when: named(rule.when) })) }
}
