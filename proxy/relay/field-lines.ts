/**
 * Field lines as they stand in a head or a trailer, by RFC 9110 §5 and RFC 9112 §5 without any tolerance: what could be read in
 * two ways (folded lines, white space before the colon, bare CR or LF, controls) is a fault.
 */

/** Where the fields are, and what they say. */
export interface FieldLines {
  /** Flat as Node's `rawHeaders`: names as written, values without the white space around them, as latin1. */
  readonly rawHeaders: string[]
  /** Where each field line begins in the bytes, and at the end where the empty line begins. */
  readonly starts: number[]
}

const CR = 13
const LF = 10
const COLON = 58
const SPACE = 32
const TAB = 9

/** Of each byte: whether it may stand in a name (RFC 9110 §5.6.2), and in a value (§5.5, obs-text included). */
const IN_NAME = new Uint8Array(256)
const IN_VALUE = new Uint8Array(256)
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") IN_NAME[character.charCodeAt(0)] = 1
for (let code = 0; code < 256; code++) IN_VALUE[code] = code === TAB || (code >= SPACE && code !== 127) ? 1 : 0

/** V8 makes longer parts of a string views of the whole, which then stays for as long as anybody keeps one of them. */
const SHORTEST_VIEW = 13
/** Bytes of a head up to which a value may be a view of it; those of longer ones cost a copy each. */
const MOST_VIEWED = 1024

/**
 * Reads `bytes[from..to)`, `to` being the index behind the empty line that ends the fields. Throws what `fault` makes.
 * `text`: the same bytes as latin1 from index 0 on, where the caller has read them so already.
 */
export function readFieldLines(bytes: Buffer, from: number, to: number, fault: (detail: string) => Error, text = bytes.toString('latin1', 0, to)): FieldLines {
  const rawHeaders: string[] = []
  const starts: number[] = []
  const end = to - 2
  const mayView = to - from <= MOST_VIEWED
  let at = from
  while (at < end) {
    const name = at
    while (IN_NAME[bytes[at] ?? 0] === 1) at++
    const colon = at
    if (colon === name || bytes[colon] !== COLON) throw fault('a field whose name is none')
    at++
    while (bytes[at] === SPACE || bytes[at] === TAB) at++
    const value = at
    while (IN_VALUE[bytes[at] ?? 0] === 1) at++
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw fault('a field whose value holds a control character')
    let last = at
    while (last > value && (bytes[last - 1] === SPACE || bytes[last - 1] === TAB)) last--
    starts.push(name)
    rawHeaders.push(text.slice(name, colon), mayView || last - value < SHORTEST_VIEW ? text.slice(value, last) : bytes.toString('latin1', value, last))
    at += 2
  }
  if (at !== end || bytes[at] !== CR || bytes[at + 1] !== LF) throw fault('fields without an end')
  starts.push(at)
  return { rawHeaders, starts }
}
