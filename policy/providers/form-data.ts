/** The parts of a `multipart/form-data` body (RFC 7578), as far as its beginning shows them. */
import { baseName, headerUtf8, percentDecode } from './text.ts'

export interface FormPart {
  readonly name: string
  readonly fileName: string | undefined
  /** The part's text; undefined where the body's beginning does not hold all of it. */
  readonly text: string | undefined
}

/** More parts than a form of the catalogue has before its file. */
const MAX_PARTS = 32
const MAX_HEAD = 4096

/** Reads parts until the beginning ends. Whatever is no part with a name is left out. */
export function formParts(body: Buffer, boundary: string): readonly FormPart[] {
  const parts: FormPart[] = []
  const delimiter = `--${boundary}`
  let at = body.indexOf(delimiter)
  for (let count = 0; at >= 0 && count < MAX_PARTS; count++) {
    const headEnd = body.indexOf('\r\n\r\n', at)
    if (headEnd < 0 || headEnd - at > MAX_HEAD) break
    const head = body.toString('latin1', at, headEnd)
    const next = body.indexOf(`\r\n${delimiter}`, headEnd + 2)
    const disposition = /^content-disposition:[ \t]{0,8}form-data[ \t]{0,8};([^\r\n]{0,2048})/im.exec(head)?.[1]
    const name = parameter(disposition, 'name')
    if (name !== undefined) {
      parts.push({ name, fileName: fileNameOf(disposition), text: next < 0 ? undefined : body.toString('utf8', headEnd + 4, next) })
    }
    at = next < 0 ? -1 : next + 2
  }
  return parts
}

/** The files of a form beyond the first, and whether there may be more parts than were read. */
export function furtherFiles(parts: readonly FormPart[]): { readonly names: readonly (string | undefined)[]; readonly isMore: boolean } {
  const files = parts.length < 2 ? [] : parts.filter(({ fileName }) => fileName !== undefined)
  return { names: files.slice(1).map(({ fileName = '' }) => baseName(fileName)), isMore: parts.length >= MAX_PARTS }
}

/** `filename*` (RFC 5987) where clients send it, else `filename` in whatever escape they choose. */
function fileNameOf(disposition: string | undefined): string | undefined {
  const extended = /;[ \t]{0,8}filename\*=utf-8'[a-z-]{0,16}'([^;\s]{1,2048})/i.exec(`;${disposition ?? ''}`)?.[1]
  if (extended !== undefined) return percentDecode(extended)
  const plain = parameter(disposition, 'filename')
  return plain?.replace(/%(?:22|0d|0a)/gi, escape => percentDecode(escape))
}

function parameter(disposition: string | undefined, name: string): string | undefined {
  const found = new RegExp(`;[ \\t]{0,8}${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s"]{1,1024}))`, 'i').exec(`;${disposition ?? ''}`)
  const text = found?.[1]?.replace(/\\(["\\])/g, '$1') ?? found?.[2]
  return text === undefined ? undefined : headerUtf8(text)
}
