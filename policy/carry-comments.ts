import { isDeepStrictEqual } from 'node:util'
import { isMap, isNode, isSeq } from 'yaml'
import type { YAMLMap } from 'yaml'
import { SluiceError } from './errors.ts'
import { invalid, parsePolicy } from './parse.ts'
import { reviseRule } from './revise-yaml.ts'
import type { Policy, Rule } from './schema.ts'
import { splitItems } from './yaml-items.ts'
import type { Item } from './yaml-items.ts'
import { readYaml } from './yaml-document.ts'
import { parsePolicyYaml, ruleToYaml, toYaml } from './yaml.ts'

/**
 * `policy` as YAML that reads as `source` does, a policy too, with its comments and its ways of writing: rules are told by their
 * ids, wherever they stand. One that did not change keeps every byte; of one that did only the differing values are set; one
 * that is gone takes the comments on it along. The result always means `policy`: where that cannot be had with the comments
 * (a source that is no policy, has its rules in brackets, or aliases that no longer fit), it is `toYaml(policy)`.
 */
export function carryComments(source: string, policy: Policy): string {
  try {
    const carried = carry(source, policy)
    if (carried !== undefined && isDeepStrictEqual(parsePolicyYaml(carried, ''), policy)) return carried
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
  }
  return toYaml(policy)
}

function carry(source: string, policy: Policy): string | undefined {
  const { value, document } = readYaml(source, faults => invalid(faults))
  const before = parsePolicy(value)
  if (isDeepStrictEqual(before, policy)) return source
  const { contents } = document
  if (!isMap(contents) || contents.flow) return undefined
  const eol = source.includes('\r\n') ? '\r\n' : '\n'
  const splices: Splice[] = isDeepStrictEqual(before.rules, policy.rules) ? []
    : [rulesSplice(source, contents, before.rules, policy.rules, eol)]
  for (const key of ['default', 'unknownTenant'] as const) {
    if (before[key] !== policy[key]) splices.push({ ...placeOf(contents, key), text: policy[key] })
  }
  return splices.sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: put }) => text.slice(0, start) + put + text.slice(end), source)
}

const SPACED = /^[ \t]*\r?\n/
const SPACE = /^([ \t]*\r?\n)+/

/** What stands between two places of the source from now on. */
interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Where a key at the top ends, and where its value stands. */
function placeOf(map: YAMLMap, name: string): { keyEnd: number; value: unknown; start: number; end: number } {
  const pair = map.items.find(({ key }) => isNode(key) && String(key) === name)
  const range = isNode(pair?.value) ? pair.value.range : undefined
  return { keyEnd: (isNode(pair?.key) ? pair.key.range?.[1] : undefined) ?? 0, value: pair?.value, start: range?.[0] ?? 0, end: range?.[1] ?? 0 }
}

function rulesSplice(source: string, contents: YAMLMap, before: readonly Rule[], after: readonly Rule[], eol: string): Splice {
  const { keyEnd, value: list, ...value } = placeOf(contents, 'rules')
  if (!isSeq(list) || list.flow || list.items.length === 0) return inPlaceOfBrackets(source, value, after, eol)
  const { start, end, column, items } = splitItems(source, keyEnd, list)
  const old = new Map(before.flatMap((rule, i) => items[i] === undefined ? [] : [[rule.id, { rule, item: items[i] }] as const]))
  const left = leftOver(before, items, new Set(after.map(({ id }) => id)))
  const spaced = items[1] !== undefined && SPACED.test(linesOf(items[1]))
  const texts = after.map((rule, place) => {
    const was = old.get(rule.id)
    const text = was === undefined ? listed(rule, column, eol)
      : linesOf(isDeepStrictEqual(was.rule, rule) ? was.item : { ...was.item, body: reviseRule(was.item.body, rule, column, eol) })
    const above = left.get(rule.id)
    // What stands by itself has an empty line below already.
    const whole = ended(above === undefined ? text : above + text.replace(SPACE, ''), eol)
    return place === 0 && before[0]?.id === rule.id ? whole : spacedAs(whole, spaced, place, eol)
  })
  texts.push(left.get(null) ?? '')
  if (after.length > 0) return { start, end, text: texts.join('') }
  const colonEnd = source.indexOf(':', keyEnd) + 1
  return { start: colonEnd, end, text: ` []${source.slice(colonEnd, start)}${texts.join('')}` }
}

/** The comments that stand by themselves above rules that are gone, under the id of the next that is there; null: none is. */
function leftOver(before: readonly Rule[], items: readonly Item[], kept: ReadonlySet<string>): Map<string | null, string> {
  const left = new Map<string | null, string>()
  let floating = ''
  before.forEach(({ id }, i) => {
    if (!kept.has(id)) floating += items[i]?.floating ?? ''
    else if (floating !== '') {
      left.set(id, floating)
      floating = ''
    }
  })
  return left.set(null, floating)
}

/** Rules where the list was empty or in brackets, which have no lines of their own. What follows on the line stays there. */
function inPlaceOfBrackets(source: string, { start, end }: { start: number; end: number }, rules: readonly Rule[], eol: string): Splice {
  if (rules.length === 0) return { start, end, text: '[]' }
  const lineEnd = source.indexOf('\n', end)
  const rest = (lineEnd < 0 ? source.slice(end) : source.slice(end, lineEnd)).trim()
  const text = rules.map(rule => ended(listed(rule, 2, eol), eol)).join('')
  const from = rest === '' ? source.slice(0, start).trimEnd().length : start
  return { start: from, end: lineEnd < 0 ? source.length : lineEnd + 1, text: `${rest}${eol}${text}` }
}

/** A rule as an item of a list whose dashes stand at `column`. */
function listed(rule: Rule, column: number, eol: string): string {
  const indent = ' '.repeat(column)
  return ruleToYaml(rule).trimEnd().split('\n')
    .map((line, i) => `${indent}${i === 0 ? '- ' : '  '}${line}`.trimEnd()).join(eol)
}

/** The last line of a source may have no end. */
function ended(text: string, eol: string): string {
  return text.endsWith('\n') ? text : text + eol
}

/** An empty line above, where the list has them; none above its first rule. */
function spacedAs(text: string, spaced: boolean, place: number, eol: string): string {
  if (place === 0) return text.replace(SPACE, '')
  return spaced && !SPACED.test(text) ? eol + text : text
}

function linesOf({ floating, lead, body, trail }: Item): string {
  return floating + lead + body + trail
}
