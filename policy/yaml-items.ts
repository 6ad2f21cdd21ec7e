/** The lines of a list in YAML, each item with the comments that are about it. */
import { isMap, isNode, isSeq } from 'yaml'
import type { YAMLSeq } from 'yaml'

/** The lines of one item, in this order; each part is empty or ends with a line's end, but for the end of the source. */
export interface Item {
  /** Comments above that an empty line parts from the item: about what follows, not about this item alone. */
  readonly floating: string
  /** The comments right above. */
  readonly lead: string
  /** From the line of its dash to the line on which its last value ends. */
  readonly body: string
  /** Comments below that are indented further than the dash. */
  readonly trail: string
}

export interface Items {
  /** Where the lines of the first item start and those of the list end, in characters of the source. */
  readonly start: number
  readonly end: number
  /** How far the dashes are indented. */
  readonly column: number
  readonly items: readonly Item[]
}

/**
 * Takes a list apart that is written with dashes and has items. `list` was parsed from `source`, where the key that it is the value of
 * ends at `keyEnd`. Comments below the last item that are not indented further than the dashes are no part of it.
 */
export function splitItems(source: string, keyEnd: number, list: YAMLSeq): Items {
  const first = list.range?.[0] ?? 0
  const column = first - lineStart(source, first)
  const bodies = list.items.map(item => {
    let start = lineStart(source, startOf(item))
    // The dash may stand alone on a line above.
    while (source[start + column] !== '-' && start > 0) start = lineStart(source, start - 1)
    return { start, end: lineEnd(source, endOf(item)) }
  })
  const start = lineEnd(source, keyEnd)
  let at = start
  const items = bodies.map((body, i) => {
    const { floating, lead } = above(source.slice(at, body.start))
    at = body.end
    const between = source.slice(at, bodies[i + 1]?.start ?? list.range?.[2] ?? source.length)
    const trail = deeperThan(column, between)
    at += trail.length
    return { floating, lead, body: source.slice(body.start, body.end), trail }
  })
  return { start, end: at, column, items }
}

function lineStart(source: string, at: number): number {
  return at === 0 ? 0 : source.lastIndexOf('\n', at - 1) + 1
}

function lineEnd(source: string, at: number): number {
  if (at > 0 && source[at - 1] === '\n') return at
  const end = source.indexOf('\n', at)
  return end < 0 ? source.length : end + 1
}

function startOf(node: unknown): number {
  return isNode(node) ? node.range?.[0] ?? 0 : 0
}

/** The end of the last value within; a collection's own range takes in the comments below it. */
function endOf(node: unknown): number {
  if (isMap(node) && !node.flow) {
    const last = node.items.at(-1)
    if (last !== undefined) return endOf(isNode(last.value) ? last.value : last.key)
  } else if (isSeq(node) && !node.flow && node.items.length > 0) return endOf(node.items.at(-1))
  return isNode(node) ? node.range?.[1] ?? 0 : 0
}

function above(text: string): { floating: string; lead: string } {
  const lines = linesOf(text)
  const parted = lines.findLastIndex(line => line.trim() === '')
  const floating = lines.slice(0, parted + 1)
  // Empty lines alone are only a distance, which moves with the item.
  return floating.every(line => line.trim() === '') ? { floating: '', lead: text }
    : { floating: floating.join(''), lead: lines.slice(parted + 1).join('') }
}

/** The beginning of `text` up to the last comment before one at `column` or less. */
function deeperThan(column: number, text: string): string {
  let length = 0
  let taken = 0
  for (const line of linesOf(text)) {
    length += line.length
    if (line.trim() === '') continue
    if (line.search(/[^ \t]/) <= column) break
    taken = length
  }
  return text.slice(0, taken)
}

function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}
