/** Rows H once more, for what the relay reads itself: the grammar in `proxy/relay/` with a check less. */
import { patches, within } from './mutation.ts'
import type { Mutation } from './mutation.ts'

const FIELDS = 'proxy/relay/field-lines.ts'
const FINDER = 'proxy/relay/head-finder.ts'
const REQUEST = 'proxy/relay/request-head.ts'
const CHUNKED = 'proxy/relay/chunked.ts'
const CONDUCTOR = 'proxy/relay/conductor.ts'
const HEAD = 'proxy/head.ts'

export const RELAY_FRAMING_MUTATIONS: readonly Mutation[] = [
  patches('H1', within(HEAD, ["if (length !== undefined) throw malformed('a length beside a transfer coding')", '']),
    'Content-Length and Transfer-Encoding', 'Transfer-Encoding and Content-Length'),
  patches('H2', within(CHUNKED, ['new Uint8Array(256).fill(255)\n', "new Uint8Array(256).fill(255)\nDIGITS['x'.charCodeAt(0)] = 0\n"]), 'a chunk size in hexadecimal notation'),
  patches('H2', within(CHUNKED, ["if (this.#digits > MOST_DIGITS || this.#left > MOST_BEFORE_DIGIT) throw this.#fault('a chunk size that is too large')", '']), 'a chunk size too large'),
  patches('H2', within(CHUNKED, ["this.#state = 'size-lf'\n", "this.#state = 'size-lf'\n    else if (code === LF) { this.#digits = 0; this.#state = this.#left === 0 ? 'trailer' : 'data' }\n"]),
    'a chunk size that ends in a bare line feed'),
  // As if everything behind a semicolon were an extension.
  patches('H2', within(CHUNKED, ["    else throw this.#fault('a chunk size that is no plain number')", "    else if (code === 59) this.#digits = -1e9\n    else if (code === CR) this.#state = 'size-lf'"],
    ['if (value < 16) {', 'if (this.#digits >= 0 && value < 16) {']), 'a chunk extension with a bare line feed'),
  // Lines that are no fields are passed over, and on.
  patches('H3', within(FIELDS, ["if (colon === name || bytes[colon] !== COLON) throw fault('a field whose name is none')", 'if (colon === name || bytes[colon] !== COLON) { at = bytes.indexOf(LF, at) + 1; continue }']),
    'a folded line', 'a length behind a space', 'a space in a name', 'a line that is folded first'),
  patches('H3', within(FIELDS, ['? 1 : 0', '|| (code !== CR && code !== LF) ? 1 : 0']), 'a NUL'),
  patches('H3', within(FIELDS, ["if (bytes[at] !== CR || bytes[at + 1] !== LF) throw fault('a field whose value", "if (bytes[at] !== CR) throw fault('a field whose value"],
    ['    at += 2\n', '    at += bytes[at + 1] === LF ? 2 : 1\n']), 'a bare carriage return'),
  patches('H3', within(FINDER, ['if (isHalf) throw', 'if (false) throw']), 'bare line feeds'),
  patches('H3', within(REQUEST, ['!(i === MINOR_AT && minor === ZERO)', 'i !== MINOR_AT']), 'HTTP/1.2'),
  patches('H3', [...within(REQUEST, ['const LETTER_Z = 90', 'const LETTER_Z = 122'], ['!KNOWN_METHODS.has(method)', 'false']), ...within(HEAD, ['if (!METHOD.test(method))', 'if (false)'])],
    'a method in lower case'),
  patches('H10', within(CONDUCTOR, ['const head = exchange.readHead(passage)', 'exchange.sendContinue()\n    const head = exchange.readHead(passage)']),
    'who asks before it sends is answered before it sends'),
]
