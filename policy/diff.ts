/**
 * What two policies say differently, rule by rule. Pure. Spellings of one meaning (`upload` and `[upload]`, `1MB` and `1000KB`) are
 * the same; upper and lower case are told apart even where they do not count.
 */
import { parseSize } from './size.ts'
import type { Policy, Rule } from './schema.ts'

/** One value in two policies; undefined where it is left out. `path`: `action`, `when/size/atLeast`. */
export interface FieldChange {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** Places of rules count from 1. A rule is told by its id: another id is another rule. */
export type Difference =
  | FieldChange & { readonly kind: 'set' }
  | { readonly kind: 'added' | 'removed'; readonly rule: Rule; readonly place: number }
  | { readonly kind: 'moved'; readonly ruleId: string; readonly from: number; readonly to: number }
  | { readonly kind: 'changed'; readonly ruleId: string; readonly fields: readonly FieldChange[] }

/** Empty where both mean the same. `default` and `unknownTenant` first, then removed rules, then the rules of `after` in their order. */
export function diffPolicies(before: Policy, after: Policy): Difference[] {
  const old = new Map(before.rules.map((rule, i) => [rule.id, { rule, place: i + 1 }]))
  const kept = new Set(after.rules.map(({ id }) => id))
  const moved = outOfOrder(after.rules.flatMap(({ id }) => old.get(id)?.place ?? []))
  return [
    ...(['default', 'unknownTenant'] as const).flatMap((path): Difference[] => before[path] === after[path] ? []
      : [{ kind: 'set', path, before: before[path], after: after[path] }]),
    ...before.rules.flatMap((rule, i): Difference[] => kept.has(rule.id) ? [] : [{ kind: 'removed', rule, place: i + 1 }]),
    ...after.rules.flatMap((rule, i): Difference[] => {
      const was = old.get(rule.id)
      if (was === undefined) return [{ kind: 'added', rule, place: i + 1 }]
      const fields = changedFields(was.rule, rule)
      return [
        ...(moved.has(was.place) ? [{ kind: 'moved', ruleId: rule.id, from: was.place, to: i + 1 } as const] : []),
        ...(fields.length > 0 ? [{ kind: 'changed', ruleId: rule.id, fields } as const] : []),
      ]
    }),
  ]
}

/** The fewest of `places` that have to move for the rest to ascend: all but a longest ascending part. */
function outOfOrder(places: readonly number[]): Set<number> {
  /** For each length, the lowest place that ends an ascending part of that length. */
  const ends: number[] = []
  const previous = new Map<number, number | undefined>()
  for (const place of places) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] ?? 0) < place) low = middle + 1
      else high = middle
    }
    previous.set(place, ends[low - 1])
    ends[low] = place
  }
  const moved = new Set(places)
  for (let place = ends.at(-1); place !== undefined; place = previous.get(place)) moved.delete(place)
  return moved
}

function changedFields(before: Rule, after: Rule): FieldChange[] {
  // Most rules of a long policy are as they were; what is written the same means the same.
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const [old, now] = [fieldsOf(before), fieldsOf(after)]
  return [...new Set([...old.keys(), ...now.keys()])]
    .map(path => ({ path, before: old.get(path), after: now.get(path) }))
    .filter(change => canonical(change.path, change.before) !== canonical(change.path, change.after))
}

/** Every value that is no object, by its path. */
function fieldsOf(value: object, path = ''): Map<string, unknown> {
  return new Map(Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
    const at = path === '' ? key : `${path}/${key}`
    return typeof field === 'object' && field !== null && !Array.isArray(field) ? [...fieldsOf(field, at)] : [[at, field] as const]
  }))
}

/** The same text for values that mean the same. */
function canonical(path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (/\/size\/(?:atLeast|below)$/.test(path) && (typeof value === 'string' || typeof value === 'number')) return String(parseSize(value))
  if (path.startsWith('when/') || path.startsWith('enforceFor/')) {
    // A list is "any of": neither order nor repetition says anything.
    return JSON.stringify([...new Set((Array.isArray(value) ? value : [value]).map(item => JSON.stringify(item)))].sort())
  }
  return JSON.stringify(value)
}
