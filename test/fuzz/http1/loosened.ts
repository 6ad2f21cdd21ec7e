/** The relay's reader with one check less: grammars that a comparison with llhttp has to tell from the strict one. */
import { registerHooks } from 'node:module'
import { edited } from '../../security/mutations/mutation.ts'
import type { Edit } from '../../security/mutations/mutation.ts'
import type { Grammar } from './relay-side.ts'

export interface Loosening {
  /** What is taken, or done, that must not be. */
  readonly what: string
  readonly edits: readonly Edit[]
}

const FIELDS = 'proxy/relay/field-lines.ts'
const HEAD = 'proxy/head.ts'
const REQUEST = 'proxy/relay/request-head.ts'
const CHUNKED = 'proxy/relay/chunked.ts'
const FINDER = 'proxy/relay/head-finder.ts'

const loosen = (what: string, ...edits: readonly (readonly [file: string, find: string, replace: string])[]): Loosening =>
  ({ what, edits: edits.map(([file, find, replace]) => ({ file, find, replace })) })

export const LOOSENINGS: readonly Loosening[] = [
  loosen('a bare LF ends a field', [FIELDS, "if (bytes[at] !== CR || bytes[at + 1] !== LF) throw fault('a field whose value", "if (bytes[at] !== LF && (bytes[at] !== CR || bytes[at + 1] !== LF)) throw fault('a field whose value"],
    [FIELDS, '    at += 2\n', '    at += bytes[at] === LF ? 1 : 2\n']),
  loosen('white space before the colon', [FIELDS, 'const colon = at\n', 'const colon = at\n    while (bytes[at] === SPACE) at++\n'], [FIELDS, 'bytes[colon] !== COLON', 'bytes[at] !== COLON']),
  loosen('white space in a name', [FIELDS, '_`|~0123', '_`|~ 0123']),
  loosen('controls in a value', [FIELDS, '? 1 : 0', '|| (code !== CR && code !== LF) ? 1 : 0']),
  loosen('values with the white space behind them', [FIELDS, "bytes[last - 1] === SPACE || bytes[last - 1] === TAB)", 'bytes[last - 1] === SPACE)']),
  loosen('values read as UTF-8', [REQUEST, "bytes.toString('latin1')", 'bytes.toString()']),
  loosen('two lengths', [HEAD, "'host', 'content-length'", "'host'"], [HEAD, '/^[0-9]{1,16}$/', '/^[0-9]{1,16}/'], [HEAD, 'Number(length)', 'Number.parseInt(length, 10)']),
  loosen('a length beside a coding', [HEAD, "if (length !== undefined) throw malformed('a length beside a transfer coding')", '']),
  loosen('a coding that is not chunked alone', [HEAD, "coding.toLowerCase() !== 'chunked'", "!coding.toLowerCase().includes('chunked')"]),
  loosen('any version', [REQUEST, '!(i === MINOR_AT && minor === ZERO)', 'i !== MINOR_AT']),
  loosen('any method', [REQUEST, '!KNOWN_METHODS.has(method)', "method === ''"]),
  loosen('CONNECT', [REQUEST, "METHODS.filter(method => method !== 'CONNECT')", 'METHODS']),
  loosen('any target', [REQUEST, "IN_TARGET[code] = '\"#<>\\\\'.includes(String.fromCharCode(code)) ? 0 : 1", 'IN_TARGET[code] = 1'], [REQUEST, 'code = 0x21; code < 0x7f', 'code = 0x21; code < 0x100'], [REQUEST, ' || asksForWebSocket(rawHeaders)', '']),
  loosen('upgrades to WebSocket', [REQUEST, ' || asksForWebSocket(rawHeaders)', '']),
  loosen('a chunk size with whatever follows it', [CHUNKED, "else throw this.#fault('a chunk size that is no plain number')", "else if (this.#digits === 0 || code === CR) throw this.#fault('')"]),
  loosen('a chunk size in the notation of programs', [CHUNKED, 'new Uint8Array(256).fill(255)\n', 'new Uint8Array(256).fill(255)\nDIGITS[120] = 0\n']),
  loosen('a chunk size with a bare LF', [CHUNKED, "this.#state = 'size-lf'\n", "this.#state = 'size-lf'\n    else if (code === LF) { this.#digits = 0; this.#state = this.#left === 0 ? 'trailer' : 'data' }\n"]),
  loosen('a chunk with a bare LF behind it', [CHUNKED, "if (code !== CR) throw this.#fault('a chunk longer than its size')\n        this.#state = 'data-lf'", "this.#state = code === LF ? 'size' : 'data-lf'"]),
  loosen('trailers that frame or lead', [CHUNKED, '!this.#mayTrail(name.toLowerCase())', "name === ''"]),
  loosen('an end that only comes in one piece is found', [FINDER, 'length - END.length + 1', 'length']),
]

/** The reader with the edits of a loosening made in its sources as they are loaded; nothing is written. */
export async function importLoosened({ what, edits }: Loosening): Promise<Grammar> {
  const mark = `?loosened=${encodeURIComponent(what)}`
  const made = new Set<Edit>()
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      // What the reader shares with all, as the errors that it throws, stays the same.
      return context.parentURL?.endsWith(mark) === true && resolved.url.startsWith(fileUrl('proxy/relay/')) ? { ...resolved, url: resolved.url + mark } : resolved
    },
    load(url, context, next) {
      const loaded = next(url, context)
      const mine = url.endsWith(mark) ? edits.filter(({ file }) => url === fileUrl(file) + mark) : []
      if (mine.length === 0) return loaded
      let source = String(loaded.source)
      for (const edit of mine) {
        source = edited(source, edit) ?? fail(`${what}: ${edit.file} has not once: ${edit.find}`)
        made.add(edit)
      }
      return { ...loaded, source }
    },
  })
  try {
    const [body, finder, head, request] = await Promise.all([
      import(fileUrl('proxy/relay/body-reader.ts') + mark), import(fileUrl(FINDER) + mark), import(fileUrl(HEAD) + mark), import(fileUrl(REQUEST) + mark),
    ]) as [Pick<Grammar, 'BodyReader'>, Pick<Grammar, 'HeadFinder'>, Pick<Grammar, 'readHead'>, Pick<Grammar, 'readRequestHead'>]
    if (made.size !== edits.length) fail(`${what}: an edit is of a file that is not read`)
    return { BodyReader: body.BodyReader, HeadFinder: finder.HeadFinder, readHead: head.readHead, readRequestHead: request.readRequestHead }
  } finally {
    hooks.deregister()
  }
}

function fail(why: string): never {
  throw new Error(why)
}

function fileUrl(file: string): string {
  return new URL(`../../../${file}`, import.meta.url).href
}
