import { Compile } from 'typebox/compile'
import { parseNetwork } from './cidr.ts'
import { parseDuration } from './duration.ts'
import { SluiceError } from './errors.ts'
import type { Fault } from './errors.ts'
import { faultsOf, printable } from './faults.ts'
import { clockOf } from './local-time.ts'
import { compileGlob, compilePattern } from './pattern.ts'
import { PolicySchema } from './schema.ts'
import type { Policy, Rule, When } from './schema.ts'
import { parseSize, SIZE_FORM } from './size.ts'
import { MAX_WINDOW_MS, MIN_WINDOW_MS } from './volumes.ts'

/** Conditions, lists and objects within each other: a rule with three `not` within each other has eight. */
const MAX_DEPTH = 12
const MAX_FAULTS = 20
const REMEDY = 'Correct the policy at the named place; nothing was changed.'

const schema = Compile(PolicySchema)

/**
 * Reads a policy from plain data (parsed JSON or YAML) and fills in the defaults of its rules.
 * Throws a SluiceError `policy.duplicate-rule` when two rules have one id, else `policy.invalid`, with a fault
 * for each bad place (at most 20): unknown keys, wrong types, impossible sizes, bad patterns and networks.
 */
export function parsePolicy(value: unknown): Policy {
  if (deeperThan(value, MAX_DEPTH)) {
    throw invalid([{ path: '', message: `is nested more than ${MAX_DEPTH} levels deep` }])
  }
  if (!schema.Check(value)) throw invalid(faultsOf(PolicySchema, schema.Errors(value), value))
  const policy: Policy = {
    default: value.default, unknownTenant: value.unknownTenant, rules: value.rules.map(withDefaults),
  }
  const duplicates = duplicateIds(policy.rules)
  if (duplicates.length > 0) throw invalid(duplicates, 'policy.duplicate-rule')
  const faults = policy.rules.flatMap((rule, i) => [
    ...rollOutFaults(rule, `rules/${i}`), ...coachFaults(rule, `rules/${i}`), ...whenFaults(rule.when, `rules/${i}/when`),
  ])
  if (faults.length > 0) throw invalid(faults)
  return policy
}

/** Reads one rule, as `parsePolicy` does: `policy.invalid` with paths within the rule (`when/size`). */
export function parseRule(value: unknown): Rule {
  try {
    const [rule] = parsePolicy({ default: 'log', unknownTenant: 'log', rules: [value] }).rules
    if (rule !== undefined) return rule
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    throw ruleFault(error.faults.map(({ path, message }) => ({ path: path.replace(/^rules(\/0)?\/?/, ''), message })))
  }
  throw ruleFault([])
}

/** The error of one rule with `faults`. */
export function ruleFault(faults: readonly Fault[], code: Code = 'policy.invalid'): SluiceError {
  return invalid(faults, code, 'The rule is not valid')
}

type Code = 'policy.invalid' | 'policy.duplicate-rule'

/** The error of a policy with `faults`; its message names `document` and the first fault. */
export function invalid(faults: readonly Fault[], code: Code = 'policy.invalid', document = 'The policy is not valid'): SluiceError {
  const first = faults[0] ?? { path: '', message: 'does not have the form of a policy' }
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  const place = first.path === '' ? 'the document' : first.path
  const told = faults.length > 0 ? faults.slice(0, MAX_FAULTS) : [first]
  return new SluiceError(code, `${document}: ${place} ${first.message}${more}`, REMEDY, { faults: told })
}

type RuleInput = Omit<Rule, 'enabled' | 'mode' | 'when'> & { enabled?: boolean; mode?: Rule['mode']; when?: When }

/** A rule with its keys in the order in which people read them. */
function withDefaults(rule: RuleInput): Rule {
  return {
    id: rule.id,
    ...(rule.description === undefined ? {} : { description: rule.description }),
    enabled: rule.enabled ?? true,
    mode: rule.mode ?? 'enforce',
    ...(rule.enforceFor === undefined ? {} : { enforceFor: rule.enforceFor }),
    when: rule.when ?? {},
    action: rule.action,
    ...(rule.coach === undefined ? {} : { coach: rule.coach }),
    ...(rule.message === undefined ? {} : { message: rule.message }),
  }
}

function duplicateIds(rules: readonly Rule[]): Fault[] {
  const first = new Map<string, number>()
  const faults: Fault[] = []
  rules.forEach(({ id }, i) => {
    const before = first.get(id)
    if (before === undefined) first.set(id, i)
    else {
      faults.push({ path: `rules/${i}/id`, message: `${id} is already the id of rules/${before}; give each rule its own` })
    }
  })
  return faults
}

function rollOutFaults({ mode, enforceFor }: Rule, path: string): Fault[] {
  if (enforceFor === undefined || mode === 'enforce') return []
  return [{ path: `${path}/enforceFor`, message: 'has no effect beside mode: monitor; leave one of them out' }]
}

function coachFaults({ coach, action }: Rule, path: string): Fault[] {
  if (coach !== true || action === 'block') return []
  return [{ path: `${path}/coach`, message: `has no effect beside action: ${action}; only what is blocked needs an exception` }]
}

/** What the schema cannot tell: sizes that cannot be, patterns and networks that do not parse, empty negations. */
function whenFaults(when: When, path: string): Fault[] {
  const faults: Fault[] = []
  const each = (at: string, values: string | string[] | undefined, parse: (value: string) => unknown): void => {
    for (const [i, value] of (typeof values === 'string' ? [values] : values ?? []).entries()) {
      const message = problem(parse, value)
      const place = typeof values === 'string' ? `${path}/${at}` : `${path}/${at}/${i}`
      if (message !== undefined) faults.push({ path: place, message: `${printable(value)} ${message}` })
    }
  }
  each('userAgent/matches', when.userAgent?.matches, compilePattern)
  each('path', when.path, compileGlob)
  each('fileName', when.fileName, compileGlob)
  each('source', when.source, parseNetwork)
  if (when.size) faults.push(...sizeFaults(when.size, `${path}/size`))
  if (when.volume) faults.push(...volumeFaults(when.volume, `${path}/volume`))
  each('time/timezone', when.time?.timezone, clockOf)
  if (when.time) faults.push(...timeFaults(when.time, `${path}/time`))
  if (when.not) {
    if (Object.keys(when.not).length === 0) faults.push({ path: `${path}/not`, message: 'is empty; name a condition in it' })
    faults.push(...whenFaults(when.not, `${path}/not`))
  }
  return faults
}

function problem(parse: (value: string) => unknown, value: string): string | undefined {
  try {
    parse(value)
    return undefined
  } catch (error) {
    if (error instanceof SyntaxError) return error.message
    throw error
  }
}

function sizeFaults(size: NonNullable<When['size']>, path: string): Fault[] {
  const faults: Fault[] = []
  const read = (key: 'atLeast' | 'below'): number | undefined => {
    const written = size[key]
    const bytes = written === undefined ? undefined : parseSize(written)
    if (written !== undefined && bytes === undefined) {
      faults.push({ path: `${path}/${key}`, message: `${printable(String(written))} is not a size; write ${SIZE_FORM}` })
    }
    return bytes
  }
  const atLeast = read('atLeast')
  const below = read('below')
  if (below === 0) {
    faults.push({ path: `${path}/below`, message: 'is 0, and nothing is smaller; leave the rule out or raise it' })
  } else if (atLeast !== undefined && below !== undefined && below <= atLeast) {
    faults.push({ path: `${path}/below`, message: 'is not above atLeast, so that no size fits; raise it or lower atLeast' })
  }
  return faults
}

function volumeFaults({ over, atLeast }: NonNullable<When['volume']>, path: string): Fault[] {
  const faults: Fault[] = []
  const bytes = parseSize(atLeast)
  if (bytes === undefined) faults.push({ path: `${path}/atLeast`, message: `${printable(String(atLeast))} is not a size; write ${SIZE_FORM}` })
  else if (bytes === 0) faults.push({ path: `${path}/atLeast`, message: 'is 0, which holds for every request; leave the condition out or raise it' })
  const form = `${printable(over)} is not a time from 1m to 31d; write 30m, 24h or 7d`
  try {
    const overMs = parseDuration(over)
    if (overMs < MIN_WINDOW_MS || overMs > MAX_WINDOW_MS) faults.push({ path: `${path}/over`, message: form })
  } catch {
    faults.push({ path: `${path}/over`, message: form })
  }
  return faults
}

function timeFaults({ days, from, to }: NonNullable<When['time']>, path: string): Fault[] {
  if (days === undefined && from === undefined && to === undefined) {
    return [{ path, message: 'names no time; name days, from or to' }]
  }
  if (from !== undefined && from === to) {
    return [{ path: `${path}/to`, message: 'is the same as from; leave both out for whole days' }]
  }
  return []
}

/** Walks level by level, so that hostile nesting cannot exhaust the stack; stops at the first level too deep. */
function deeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; depth <= levels; depth++) {
    level = level.flatMap(item => typeof item === 'object' && item !== null ? Object.values(item) : [])
    if (level.length === 0) return false
  }
  return true
}
