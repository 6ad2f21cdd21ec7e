import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HeaderTable } from '../../../proxy/head.ts'
import type { RequestHead } from '../../../policy/providers/provider.ts'
import { isObject, listMember, member, readJson, textMember } from '../../../policy/providers/json.ts'

/** One recorded request with what it was (`test/corpus/README.md`). */
export interface Recording {
  /** File and line. */
  readonly name: string
  readonly head: RequestHead
  /** Header names in lower case and values, as they came. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: Buffer
  /** Whether `body` is all of it. */
  readonly complete: boolean
  readonly label: Label
}

export interface Label {
  readonly provider: string
  readonly class: string
  readonly session: string | undefined
  readonly inner: readonly unknown[]
  readonly contentBytes: number
  readonly totalSize: { readonly where: string; readonly value: unknown } | undefined
  readonly fileName: { readonly where: string; readonly value: unknown } | undefined
}

const folder = join(fileURLToPath(new URL('.', import.meta.url)), '../../corpus')

export function recordings(): Recording[] {
  return readdirSync(folder).filter(file => file.endsWith('.jsonl')).sort().flatMap(file =>
    readFileSync(join(folder, file), 'utf8').split('\n').filter(line => line !== '')
      .map((line, i) => recording(`${file}:${i + 1}`, JSON.parse(line))))
}

function recording(name: string, row: unknown): Recording {
  const req = member(row, 'req')
  const label = member(row, 'label')
  const target = textMember(req, 'target') ?? ''
  const [path = '', query = ''] = target.split(/\?(.*)/s)
  const length = member(req, 'contentLength')
  const isChunked = member(req, 'transferEncoding') !== null
  const headers: [string, string][] = (listMember(req, 'headers') ?? []).map(pair => {
    const [key, value] = Array.isArray(pair) ? pair : []
    return [String(key).toLowerCase(), String(value)]
  })
  const body = Buffer.from(textMember(req, 'bodyText') ?? textMember(req, 'bodyHead') ?? '')
  return {
    name,
    head: makeHead({
      method: textMember(req, 'method') ?? '', host: textMember(req, 'host') ?? '', path, query, headers,
      contentLength: typeof length === 'number' ? length : isChunked ? null : 0,
    }),
    fields: headers,
    body,
    complete: body.length === member(req, 'bodyLen'),
    label: {
      provider: textMember(label, 'provider') ?? '',
      class: textMember(label, 'class') ?? '',
      session: textMember(label, 'session'),
      inner: listMember(label, 'inner') ?? [],
      contentBytes: Number(member(label, 'contentBytes')),
      totalSize: told(member(label, 'totalSize')),
      fileName: told(member(label, 'fileName')),
    },
  }
}

function told(value: unknown): { where: string; value: unknown } | undefined {
  return isObject(value) ? { where: textMember(value, 'where') ?? '', value: member(value, 'value') } : undefined
}

export interface HeadParts {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly contentLength?: number | null
}

export function makeHead({ method, host, path, query = '', headers = [], contentLength = 0 }: HeadParts): RequestHead {
  return { method, host, path, query, headers: new HeaderTable(headers.flat()), contentLength }
}

/** JSON that a test wrote itself. */
export function json(value: unknown): Buffer {
  const text = JSON.stringify(value)
  if (readJson(text) === undefined) throw new Error('not the JSON that was meant')
  return Buffer.from(text)
}

/** A row of `recorded-rclone.jsonl` (Box, S3, Azure, Google Cloud Storage, WebDAV): its head, and what it was. */
export interface RcloneRecording {
  readonly head: RequestHead
  /** A member of the row, as text: `run`, `is`, `size`, `fileName`, `place`; empty where it has none. */
  readonly told: (name: string) => string
}

export function rcloneRecordings(): RcloneRecording[] {
  const file = fileURLToPath(new URL('recorded-rclone.jsonl', import.meta.url))
  return readFileSync(file, 'utf8').trimEnd().split('\n').map(readJson).map(row => {
    const told = (name: string): string => textMember(row, name) ?? ''
    const length = member(row, 'contentLength')
    const headers = (listMember(row, 'headers') ?? []).map((pair): [string, string] =>
      Array.isArray(pair) ? [String(pair[0]), String(pair[1])] : ['', ''])
    const head = makeHead({
      method: told('method'), host: told('host'), path: told('path'), query: told('query'), headers,
      contentLength: typeof length === 'number' ? length : null,
    })
    return { head, told }
  })
}
