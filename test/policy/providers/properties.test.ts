/**
 * What holds for every recorded upload:
 * 1. Any combination of spellings that an origin reads alike leaves activity, step and file name as they were.
 * 2. A change of one field that makes another operation of it changes the activity.
 * 3. Sent to an unknown path it is an upload once its body is over the limit; padded before the field that tells, or
 *    under a content coding, it is an upload whatever its size.
 */
import fc from 'fast-check'
import t from 'tap'
import { catalogue, explainBody, UNEXPLAINED_LIMIT } from '../../../policy/providers/index.ts'
import type { Recognition, RequestHead } from '../../../policy/providers/provider.ts'
import { parseHost, parseTarget } from '../../../proxy/host-port.ts'
import { recordings } from './recording.ts'
import type { Recording } from './recording.ts'

const SEED = 20261124
t.comment(`seed ${SEED}`)

function recognised(head: RequestHead, body: Buffer, complete: boolean): Recognition {
  const module = catalogue.find(head.host, head.path)?.module
  if (module === undefined) throw new Error(`${head.host} is not in the catalogue`)
  const first = module.recognise(head)
  if (first.peek === 0 || module.refine === undefined) return first
  return module.refine(head, first, body.subarray(0, first.peek), complete && body.length <= first.peek)
}

const uploads = recordings().filter(row => recognised(row.head, row.body, row.complete).operation.activity === 'upload')
const anUpload = fc.constantFrom(...uploads)

/** A request as it goes over the wire: target and host not yet normalised. */
interface Wire {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query: string
  readonly extra: Readonly<Record<string, string>>
}

function headOf(row: Recording, wire: Wire): RequestHead {
  const target = parseTarget(wire.path + (wire.query === '' ? '' : `?${wire.query}`))
  const host = parseHost(wire.host)
  if (target === null || host === null) throw new Error(`refused: ${wire.host}${wire.path}`)
  return {
    ...row.head, method: wire.method, host: host.host, path: target.path, query: target.query,
    headers: { get: name => wire.extra[name] ?? row.head.headers.get(name) },
  }
}

type Spelling = (wire: Wire, pick: number) => Wire

/** Replaces one place that fits, chosen by `pick`. */
function oneOf(text: string, pattern: RegExp, pick: number, by: (found: string) => string): string {
  const found = [...text.matchAll(pattern)]
  const one = found[pick % Math.max(found.length, 1)]
  return one === undefined ? text : text.slice(0, one.index) + by(one[0]) + text.slice(one.index + one[0].length)
}

const escaped = (char: string): string => `%${char.charCodeAt(0).toString(16)}`

const spellings: Readonly<Record<string, Spelling>> = {
  'an unreserved character escaped': (wire, pick) => ({ ...wire, path: oneOf(wire.path, /[g-z]/gi, pick, escaped) }),
  'the hex digits of an escape in the other case': wire =>
    ({ ...wire, path: wire.path.replace(/%[0-9a-f]{2}/gi, text => text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase()) }),
  'a repeated slash': (wire, pick) => ({ ...wire, path: oneOf(wire.path, /(?<!:)\/(?!\.|%2e)/gi, pick, () => '//') }),
  'a segment and back': (wire, pick) => ({ ...wire, path: oneOf(wire.path, /\//g, pick, () => '/x/../') }),
  'a segment and back, escaped': (wire, pick) => ({ ...wire, path: oneOf(wire.path, /\//g, pick, () => '/x/%2e%2E/') }),
  'a dot segment': (wire, pick) => ({ ...wire, path: oneOf(wire.path, /\//g, pick, () => '/./') }),
  'the host in another case': (wire, pick) => ({ ...wire, host: oneOf(wire.host, /[a-z]/g, pick, text => text.toUpperCase()) }),
  'a dot behind the host': wire => wire.host.endsWith('.') ? wire : { ...wire, host: `${wire.host}.` },
  'a parameter of no meaning': wire => ({ ...wire, query: wire.query === '' ? 'x=1' : `${wire.query}&x=1` }),
  'another method, overridden by a header': wire =>
    'x-http-method-override' in wire.extra ? wire : { ...wire, method: 'POST', extra: { ...wire.extra, 'x-http-method-override': wire.method } },
  'GET, overridden by a header': wire =>
    'x-http-method-override' in wire.extra ? wire : { ...wire, method: 'GET', extra: { ...wire.extra, 'x-http-method-override': wire.method } },
  'a parameter of a segment': (wire, pick) => ({ ...wire, path: oneOf(wire.path, /(?<=[g-z])(?=\/|$)/gi, pick, () => ';v=1') }),
}

t.test('spellings that an origin reads alike keep activity, step and file name', async t => {
  const change = fc.record({ kind: fc.constantFrom(...Object.keys(spellings)), pick: fc.nat(999) })
  const seen = new Map<string, number>()
  fc.assert(fc.property(anUpload, fc.array(change, { minLength: 1, maxLength: 5 }), (row, changes) => {
    const { method, host, path, query } = row.head
    // On Microsoft's hosts a semicolon may as well belong to a file's name; there only the activity is sure (below).
    const isNamed = /microsoft|sharepoint|1drv|onedrive/.test(host)
    let wire: Wire = { method, host, path, query, extra: {} }
    for (const { kind, pick } of changes) {
      if (isNamed && kind === 'a parameter of a segment') continue
      wire = spellings[kind]?.(wire, pick) ?? wire
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
    }
    const before = recognised(row.head, row.body, row.complete).operation
    const after = recognised(headOf(row, wire), row.body, row.complete).operation
    const shown = `${row.name}: ${method} ${host}${path} as ${JSON.stringify(wire)}`
    if (after.activity !== before.activity) throw new Error(`${shown} is ${after.activity}`)
    // A method that means another step leaves the stricter of two uploads to the origin.
    if (wire.method === method && after.step !== before.step) throw new Error(`${shown} is ${after.step}`)
    if (after.fileName !== before.fileName) throw new Error(`${shown} is named ${after.fileName}, not ${before.fileName}`)
  }), { seed: SEED, numRuns: 5000 })
  for (const kind of Object.keys(spellings)) t.ok((seen.get(kind) ?? 0) > 100, kind)
})

/** One field that makes another operation: which requests have it, and what it becomes. */
interface Turn {
  readonly why: string
  readonly host: RegExp
  readonly path: RegExp
  readonly turn: (head: RequestHead) => RequestHead
}

const turns: readonly Turn[] = [
  { why: 'Dropbox: GET', host: /dropbox/, path: /./, turn: head => ({ ...head, method: 'GET' }) },
  { why: 'Dropbox: download', host: /^content\.dropboxapi/, path: /^\/2\/files\/upload$/, turn: head => ({ ...head, path: '/2/files/download' }) },
  { why: 'Dropbox: list', host: /^api\.dropboxapi/, path: /./, turn: head => ({ ...head, path: '/2/files/list_folder' }) },
  { why: 'Dropbox: delete', host: /^api\.dropboxapi/, path: /./, turn: head => ({ ...head, path: '/2/files/delete_v2' }) },
  { why: 'Google: GET', host: /googleapis/, path: /./, turn: head => ({ ...head, method: 'GET' }) },
  {
    why: 'Google: alt=media, without /upload', host: /googleapis/, path: /^\/upload\/drive\//,
    turn: head => ({ ...head, method: 'GET', path: head.path.replace('/upload', ''), query: 'alt=media' }),
  },
  { why: 'Google: metadata', host: /googleapis/, path: /^\/upload\/drive\/v3\/files$/, turn: head => ({ ...head, path: '/drive/v3/files', query: '' }) },
  { why: 'Google: DELETE', host: /googleapis/, path: /^\/upload\//, turn: head => ({ ...head, method: 'DELETE' }) },
  { why: 'Microsoft: GET', host: /graph\.microsoft|sharepoint|personalcontent/, path: /./, turn: head => ({ ...head, method: 'GET' }) },
  { why: 'Microsoft: DELETE', host: /graph\.microsoft|sharepoint|personalcontent/, path: /./, turn: head => ({ ...head, method: 'DELETE' }) },
  {
    why: 'Microsoft: share', host: /graph\.microsoft/, path: /\/(?:content|createUploadSession)$/,
    turn: head => ({ ...head, method: 'POST', path: head.path.replace(/[^/]+$/, 'createLink') }),
  },
  {
    why: 'Microsoft: copy', host: /graph\.microsoft/, path: /\/(?:content|createUploadSession)$/,
    turn: head => ({ ...head, method: 'POST', path: head.path.replace(/[^/]+$/, 'copy') }),
  },
]

t.test('one field that makes another operation changes the activity', async t => {
  for (const { why, host, path, turn } of turns) {
    const fit = uploads.filter(({ head }) => host.test(head.host) && path.test(head.path))
    t.ok(fit.length > 0, why)
    // Without its content, which the other operation would not have and which would count by itself.
    const same = fit.filter(({ head }) => recognised({ ...turn(head), contentLength: 0 }, Buffer.alloc(0), true).operation.activity === 'upload')
    t.strictSame(same.map(({ name }) => name), [], why)
  }
})

t.test('at an unknown path it is an upload once its body is over the limit', async () => {
  fc.assert(fc.property(anUpload, fc.stringMatching(/^[a-z]{1,12}$/), fc.integer({ min: UNEXPLAINED_LIMIT + 1, max: 1e9 }), (row, name, bytes) => {
    const head: RequestHead = { ...row.head, path: `/unheard/${name}`, query: '', contentLength: bytes }
    const told = recognised(head, Buffer.alloc(100_000, 'x'), false)
    if (told.operation.activity !== 'upload') throw new Error(`${row.name}: ${told.operation.activity}`)
    const first = recognised({ ...head, contentLength: null }, Buffer.alloc(100_000, 'x'), false)
    const counted = explainBody(first, bytes)
    if (counted.operation.activity !== 'upload') throw new Error(`${row.name}, length not told: ${counted.operation.activity}`)
  }), { seed: SEED, numRuns: 2000 })
})

t.test('padded before the field that tells, it is still an upload', async t => {
  const wrong = uploads.flatMap(row => {
    const pad = Buffer.from(`{"pad":"${'x'.repeat(70_000)}",`)
    const body = Buffer.concat([pad, row.body.subarray(1)])
    return [body.length, null].flatMap(contentLength => {
      const { operation } = recognised({ ...row.head, contentLength }, body, true)
      return operation.activity === 'upload' ? [] : [`${row.name}: ${operation.activity}`]
    })
  })
  t.strictSame(wrong, [])
})

t.test('under a content coding, it is still an upload', async t => {
  const wrong = uploads.flatMap(row => ['gzip', 'br', 'x-unheard', 'gzip, identity'].flatMap(coding => {
    const head: RequestHead = { ...row.head, headers: { get: name => name === 'content-encoding' ? coding : row.head.headers.get(name) } }
    const { operation } = recognised(head, Buffer.from('\x1f\x8b\x08'), true)
    return operation.activity === 'upload' ? [] : [`${row.name}, ${coding}: ${operation.activity}`]
  }))
  t.strictSame(wrong, [])
})

t.test('an escaped slash is one to Microsoft, and the last segment is the name', async t => {
  const at = (path: string, method = 'PUT'): string => {
    const target = parseTarget(path)
    const row = uploads[0]
    if (target === null || row === undefined) throw new Error(`refused: ${path}`)
    const head: RequestHead = { ...row.head, method, host: 'graph.microsoft.com', path: target.path, query: '', contentLength: 1, headers: { get: () => undefined } }
    const { activity, fileName } = recognised(head, Buffer.from('x'), true).operation
    return `${activity} ${fileName ?? '-'}`
  }
  t.equal(at('/v1.0/me/drive/root:/a.txt:/content'), 'upload a.txt')
  t.equal(at('/v1.0/me/drive/root:/d%2Fa.txt:/content'), 'upload a.txt')
  t.equal(at('/v1.0/me/drive/root:/a.txt:%2fcontent'), 'upload a.txt')
  t.equal(at('/v1.0/me/drive/items/1%2Fx%2F..%2Fcontent'), 'upload -')
  t.equal(at('/v1.0/me/drive/root:/a;b.txt:/content'), 'upload a;b.txt', 'a semicolon in a name stays')
  t.equal(at('/v1.0/me/drive/root:/a.txt:/content;v=1', 'POST'), 'upload a.txt')
  for (const { name, head, body, complete } of uploads) {
    const { operation } = recognised({ ...head, path: `${head.path};v=1` }, body, complete)
    if (operation.activity !== 'upload') t.fail(`${name}: a parameter behind it makes ${operation.activity} of it`)
  }
})

t.test('no number of overrides hides the one that counts', async t => {
  const row = uploads.find(({ head }) => head.host === 'graph.microsoft.com' && head.method === 'PUT')
  if (row === undefined) return t.fail('an upload by PUT')
  const many = ['A', 'BB', 'CC', 'DD', 'EE', 'FF', 'GG', 'HH', 'II', 'GET'].flatMap(name => [name, name])
  const get = (name: string): string | undefined => name === 'x-http-method' ? [...many, 'PUT'].join(', ') : undefined
  t.equal(recognised({ ...row.head, method: 'GET', headers: { get } }, row.body, true).operation.activity, 'upload', 'in a header')
  const query = [...many.map(name => `_method=${name}`), '_method=PUT'].join('&')
  t.equal(recognised({ ...row.head, method: 'GET', query }, row.body, true).operation.activity, 'upload', 'in the query')
})
