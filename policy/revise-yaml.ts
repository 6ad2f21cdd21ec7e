import { isDeepStrictEqual } from 'node:util'
import { isCollection, isMap, isScalar, isSeq, parseDocument, visit, YAMLSeq } from 'yaml'
import type { Document, Pair, YAMLMap } from 'yaml'
import type { Rule } from './schema.ts'
import { ruleToYaml, written } from './yaml.ts'

/**
 * One item of a list, the lines of a rule as it was, as lines of the rule as it is: what did not change keeps its comments and its
 * way of writing. The dash stands at `column`.
 */
export function reviseRule(body: string, rule: Rule, column: number, eol: string): string {
  const document = parseDocument(body.replaceAll('\r\n', '\n'), { strict: true, prettyErrors: false, version: '1.2', resolveKnownTags: false })
  const item = isSeq(document.contents) ? document.contents.items[0] : undefined
  const text = document.errors.length === 0 && isMap(item) ? revised(document, item, rule) : `- ${ruleToYaml(rule).trimEnd().replaceAll('\n', '\n  ')}\n`
  return text.replace(/^(?=.)/gm, ' '.repeat(column)).replaceAll('\n', eol)
}

function revised(document: Document, item: YAMLMap, rule: Rule): string {
  revise(document, item, { ...rule }, written(rule))
  visit(document, {
    Seq(_, list) {
      if (list.flow) list.toString = narrow
    },
  })
  return document.toString({ lineWidth: 0 })
}

/** `[a, b]` as people write it, beside `{ a: b }`. */
function narrow(this: YAMLSeq, ...[context, ...rest]: Parameters<YAMLSeq['toString']>): string {
  return YAMLSeq.prototype.toString.call(this, context && { ...context, flowCollectionPadding: '' }, ...rest)
}

/** Makes `map` hold `all`; of what it does not name yet it gets only what is in `needed`. */
function revise(document: Document, map: YAMLMap, all: Readonly<Record<string, unknown>>, needed: object): void {
  map.items = map.items.filter(({ key }) => nameOf(key) in all)
  for (const pair of map.items) set(document, pair, all[nameOf(pair.key)])
  const order = Object.keys(all)
  for (const [name, value] of Object.entries(needed)) {
    if (map.has(name)) continue
    const place = map.items.findLastIndex(({ key }) => order.indexOf(nameOf(key)) < order.indexOf(name))
    map.items.splice(place + 1, 0, document.createPair(name, value))
  }
}

function nameOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : ''
}

function set(document: Document, pair: Pair, value: unknown): void {
  const node = pair.value
  if (isScalar(node) || isCollection(node)) {
    if (isDeepStrictEqual(node.toJS(document), value)) return
    if (isMap(node) && isRecord(value)) return revise(document, node, value, value)
    if (isSeq(node) && Array.isArray(value)) return reviseList(document, node, value)
  }
  const fresh = document.createNode(value)
  if (isScalar(node) || isCollection(node)) {
    const { comment, commentBefore, spaceBefore } = node
    Object.assign(fresh, { comment, commentBefore, spaceBefore })
    if (isScalar(node) && isScalar(fresh) && (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE')) fresh.type = node.type
  }
  pair.value = fresh
}

function reviseList(document: Document, list: YAMLSeq, values: readonly unknown[]): void {
  const old = [...list.items]
  list.items = values.map(value => {
    const at = old.findIndex(item => (isScalar(item) || isCollection(item)) && isDeepStrictEqual(item.toJS(document), value))
    return at < 0 ? document.createNode(value) : old.splice(at, 1)[0]
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
