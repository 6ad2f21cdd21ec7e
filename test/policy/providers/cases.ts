import type { Operation } from '../../../policy/operation.ts'
import { catalogue } from '../../../policy/providers/index.ts'
import type { Catalogue } from '../../../policy/providers/index.ts'
import type { Recognition } from '../../../policy/providers/provider.ts'
import { makeHead } from './recording.ts'

/** A request in short: `POST host/path?query`, headers, body (its length is declared unless `length` says otherwise). */
export interface Case {
  readonly request: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly length?: number | null
}

export function recognise(one: Case): Recognition {
  return recogniseBy(catalogue, one)
}

function recogniseBy(among: Catalogue, { request, headers = {}, body, length }: Case): Recognition {
  const [, method = '', host = '', path = '', query = ''] = /^(\S+) ([^/\s]+)(\/[^?]*)(?:\?(.*))?$/s.exec(request) ?? []
  const bytes = typeof body === 'string' ? Buffer.from(body) : body ?? Buffer.alloc(0)
  const head = makeHead({ method, host, path, query, headers: Object.entries(headers), contentLength: length === undefined ? bytes.length : length })
  const module = among.find(host, path)?.module
  if (module === undefined) throw new Error(`${host} is not in the catalogue`)
  const first = module.recognise(head)
  if (first.peek === 0 || body === undefined || module.refine === undefined) return first
  return module.refine(head, first, bytes.subarray(0, first.peek), bytes.length <= first.peek)
}

/** What matters of a recognition in a table of cases: `activity step`, then reasons. */
export function verdict(one: Case): string {
  return verdictOf(catalogue, one)
}

export function verdictOf(among: Catalogue, one: Case): string {
  const { operation, reasons } = recogniseBy(among, one)
  return [`${operation.activity} ${operation.step}`, ...reasons].join(' ')
}

export function operation(one: Case): Operation {
  return recognise(one).operation
}

export function operationOf(among: Catalogue, one: Case): Operation {
  return recogniseBy(among, one).operation
}
