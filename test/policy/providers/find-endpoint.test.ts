/** Whatever the looks at single characters spare: of every table the row is found that a reading from top to bottom finds. */
import fc from 'fast-check'
import t from 'tap'
import { row } from '../../../policy/providers/endpoints.ts'
import { findEndpoint } from '../../../policy/providers/find-endpoint.ts'
import type { Endpoint } from '../../../policy/providers/provider.ts'
import { queryValues } from '../../../policy/providers/query.ts'
import { makeHead } from './recording.ts'

const SEED = 20261124
t.comment(`seed ${SEED}`)

const segment = fc.constantFrom('up', 'Upload', 'uploads', 'p', 'files', 'fileset', 'a.b', '2', 'é')
const wildcard = fc.constantFrom('*', '{id}', 'f*', 'x-{name}')
function isOnce(parts: readonly string[]): boolean {
  const named = parts.filter(part => part.includes('{'))
  return new Set(named).size === named.length
}
const template = fc.tuple(fc.array(fc.oneof({ weight: 3, arbitrary: segment }, wildcard), { maxLength: 4 }).filter(isOnce), fc.boolean())
  .map(([parts, isOpen]) => `/${[...parts, ...(isOpen ? ['**'] : [])].join('/')}`)
/** Written by hand, as in the tables of Dropbox and Google Drive; each stands beside paths that it matches. */
const patterns: readonly RegExp[] = [
  /^\/(?:up|files|2)\/(?:p\/)?upload/i, /^\/(?:p\/)?(?:up|a\.b)(?:s|loads)?$/i, /^\/fi?les/i, /^\/files*\//i,
  /^\/(?:x|up)+\/q/i, /^\/up|\/files/i,
  /^\/\d(?:\/|$)/i, /^\/[a-z]p\/\w$/i, /^\/files(?:et)?\/(?:|p)$/i, /^\/a.b\/p$/i, /^\/u(?:p){1,2}$/i,
  /^\/(?:fi|up)??load/i, /uploads$/i, /^\/up(?=\/p)/i,
]
const aTable = fc.array(fc.oneof({ weight: 2, arbitrary: template }, fc.constantFrom(...patterns)), { minLength: 1, maxLength: 24 })
const other = fc.constantFrom('f', 'x-1', 'UP', 'q', 'fles', 'file', 'load')
const aPath = fc.array(fc.oneof(segment, other), { maxLength: 5 }).map(parts => `/${parts.join('/')}`)

t.test('finds the first row that matches', async t => {
  let found = 0
  fc.assert(fc.property(aTable, fc.array(aPath, { minLength: 1, maxLength: 8 }), (table, paths) => {
    const rows = table.map((path, i): Endpoint => {
      const made = row(i % 3 === 0 ? 'PUT GET' : 'PUT', typeof path === 'string' ? path : '/**', 'upload', 'single', String(i))
      return typeof path === 'string' ? made : { ...made, path }
    })
    for (const path of [...paths, ...table.filter(one => typeof one === 'string')]) {
      for (const method of ['PUT', 'GET', 'POST']) {
        const expected = rows.find(one => one.methods.includes(method) && one.path.test(path))
        if (expected !== undefined) found++
        if (findEndpoint(rows, makeHead({ method, host: 'a.example', path }), path) !== expected) return false
      }
    }
    return true
  }), { seed: SEED, numRuns: 1_500 })
  t.ok(found > 1_000, `${found} rows found`)
})

const wanted = fc.subarray(['uploads', 'uploadId', 'comp', 'comp=block', 'restype=container', 'acl'], { maxLength: 2 })
const aQuery = fc.array(fc.constantFrom('uploads', 'UPLOADS=', 'uploadid=1', 'comp=Block', 'comp=list', 'c%6fmp=block', 'restype=container', 'timeout=9', 'a%63l', 'ac'), { maxLength: 3 })
  .map(parts => parts.join('&'))

function isThere(query: string, parameter: string): boolean {
  const [name = '', value] = parameter.split('=')
  const values = queryValues(query, name)
  return value === undefined ? values.length > 0 : values.some(one => one.toLowerCase() === value)
}

t.test('finds the first row whose parameters are there', async t => {
  let found = 0
  fc.assert(fc.property(fc.array(wanted, { minLength: 1, maxLength: 8 }), aQuery, (table, query) => {
    const rows = table.map((names, i) => row('PUT', '/{bucket}/**', 'upload', 'single', String(i), names.length === 0 ? {} : { query: names }))
    const expected = rows.find(one => (one.query ?? []).every(parameter => isThere(query, parameter)))
    if (expected?.query !== undefined) found++
    return findEndpoint(rows, makeHead({ method: 'PUT', host: 'a.example', path: '/b/c', query }), '/b/c') === expected
  }), { seed: SEED, numRuns: 3_000 })
  t.ok(found > 300, `${found} rows found by their parameters`)
})
