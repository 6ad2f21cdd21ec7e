/** Providers that are declared in YAML (`intercept.catalogue`): checked here, then recognised like any other. */
import { Compile } from 'typebox/compile'
import { nearest, SluiceError } from '../errors.ts'
import type { Fault } from '../errors.ts'
import { faultsOf } from '../faults.ts'
import { readYaml } from '../yaml-document.ts'
import { DeclaredSchema } from './declared-schema.ts'
import type { DeclaredProvider, DeclaredRow, DeclaredSource } from './declared-schema.ts'
import { compilePath, parametersOf } from './endpoints.ts'
import type { Endpoint, HostPattern, ProviderModule, Source } from './provider.ts'
import { s3, s3Like } from './s3.ts'
import { tableModule } from './table.ts'
import { webdav, webdavLike } from './webdav.ts'

const schema = Compile(DeclaredSchema)
const MAX_FAULTS = 20
const REMEDY = 'Correct the file at the named place; policy/providers/README.md shows the form'

const LIKE = {
  webdav: { module: webdav, make: webdavLike },
  s3: { module: s3, make: s3Like },
} as const

/**
 * Reads the providers of one file. `sourceName` names it in errors. Throws `config.invalid` with a fault for each bad
 * place, which carries `line:column`: what is no YAML, unknown keys (with the nearest), paths that do not parse,
 * parameters that no path has, hosts outside `domains`.
 */
export function parseDeclared(text: string, sourceName: string): readonly ProviderModule[] {
  const refuse = (faults: readonly Fault[]) => invalid(faults, sourceName)
  const { value, placed } = readYaml(text, refuse)
  if (!schema.Check(value)) throw refuse(faultsOf(DeclaredSchema, schema.Errors(value), value).map(placed))
  const faults = value.providers.flatMap((provider, i) => faultsIn(provider, `providers/${i}`))
  if (faults.length > 0) throw refuse(faults.map(placed))
  return value.providers.map(provider => makeModule(provider, sourceName))
}

/** Refuses two declarations of one id or one host pattern, also from several files. */
export function refuseRepeated(modules: readonly ProviderModule[], sourceName: string): void {
  const seen = new Set<string>()
  for (const { id, hosts } of modules) {
    for (const text of [...(id.startsWith('custom-') ? [`the id ${id}`] : []), ...hosts.map(({ pattern }) => `the host ${pattern}`)]) {
      if (seen.has(text)) throw invalid([{ path: '', message: `declares ${text} a second time` }], sourceName)
      seen.add(text)
    }
  }
}

function invalid(faults: readonly Fault[], sourceName: string): SluiceError {
  const first = faults[0] ?? { path: '', message: 'does not have the form of a catalogue' }
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  const place = first.path === '' ? 'the document' : first.path
  return new SluiceError('config.invalid', `${sourceName}: ${place} ${first.message}${more}`, REMEDY, { faults: faults.slice(0, MAX_FAULTS) })
}

/** What the schema cannot say. */
function faultsIn(provider: DeclaredProvider, path: string): Fault[] {
  const faults: Fault[] = []
  if (provider.like === undefined) {
    if (provider.id === undefined) faults.push({ path: `${path}/id`, message: 'is missing; only a provider with like may do without' })
    if (provider.endpoints === undefined) faults.push({ path: `${path}/endpoints`, message: 'is missing; declare some, or say like' })
  } else if (provider.endpoints !== undefined) {
    faults.push({ path: `${path}/endpoints`, message: 'cannot stand beside like; leave one of them out' })
  }
  const domains = provider.domains ?? []
  provider.hosts.forEach(({ pattern }, i) => {
    const place = `${path}/hosts/${i}/pattern`
    if (pattern.split('.').some(label => label.split('*').length > 2)) faults.push({ path: place, message: 'has more than one * in a label' })
    const base = domainOf(pattern)
    const isCovered = domains.length === 0 || domains.some(domain => base === domain || base.endsWith(`.${domain}`))
    if (!isCovered) faults.push({ path: place, message: 'is not within domains, so that no certificate could be made for it' })
  })
  provider.endpoints?.forEach((row, i) => faults.push(...rowFaults(row, provider, `${path}/endpoints/${i}`)))
  return faults
}

function rowFaults(row: DeclaredRow, provider: DeclaredProvider, path: string): Fault[] {
  const faults: Fault[] = []
  let parameters: readonly string[] = []
  try {
    parameters = parametersOf(compilePath(row.path))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    faults.push({ path: `${path}/path`, message: error.message })
  }
  for (const fact of ['size', 'name', 'session', 'tenant'] as const) {
    const source = row[fact]
    if (source === undefined) continue
    const kinds = Object.keys(source)
    const isOne = kinds.length === 1 || (kinds.length === 2 && source.form !== undefined && source.json !== undefined)
    if (!isOne) faults.push({ path: `${path}/${fact}`, message: 'must name one of header, query, path, json, form (or form with json)' })
    if (source.path !== undefined && !parameters.includes(source.path)) {
      faults.push({ path: `${path}/${fact}/path`, message: `is no parameter of the path${hint(source.path, parameters)}` })
    }
  }
  const own = provider.hosts.map(({ pattern }) => pattern)
  row.hosts?.forEach((host, i) => {
    if (!own.includes(host)) faults.push({ path: `${path}/hosts/${i}`, message: `is none of the provider's hosts${hint(host, own)}` })
  })
  return faults
}

function hint(given: string, known: readonly string[]): string {
  const near = nearest(given, known)
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** The domain that a certificate's name constraint needs for a pattern: what stands behind its last `*`. */
function domainOf(pattern: string): string {
  const labels = pattern.split('.')
  return labels.slice(labels.findLastIndex(label => label.includes('*')) + 1).join('.')
}

function makeModule(provider: DeclaredProvider, sourceName: string): ProviderModule {
  const hosts: readonly HostPattern[] = provider.hosts.map(({ pattern, role = 'storage' }) => ({ pattern, role }))
  const domains = provider.domains ?? [...new Set(hosts.map(({ pattern }) => domainOf(pattern)))]
  if (provider.like !== undefined) {
    const { module, make } = LIKE[provider.like]
    const id = provider.id ?? provider.like
    return make({ id, account: provider.account ?? module.account, hosts, domains })
  }
  const id = provider.id ?? 'custom-unnamed'
  const endpoints = (provider.endpoints ?? []).map(row => makeRow(row, sourceName))
  return tableModule({ id, account: provider.account ?? 'custom', hosts, domains, endpoints })
}

function makeRow(row: DeclaredRow, sourceName: string): Endpoint {
  const { methods, path, activity, step = 'single', hosts, query, size, name, session, tenant } = row
  return {
    methods, path: compilePath(path), activity, step,
    source: row.source ?? `declared in ${sourceName}`,
    unproven: row.proven !== true,
    ...(hosts === undefined ? {} : { hosts }),
    ...(query === undefined ? {} : { query: query.map(lowerValue) }),
    ...(size === undefined ? {} : { size: makeSource(size) }),
    ...(name === undefined ? {} : { name: makeSource(name) }),
    ...(session === undefined ? {} : { session: makeSource(session) }),
    ...(tenant === undefined ? {} : { tenant: makeSource(tenant) }),
  }
}

/** Values of parameters are compared without case, as their names are. */
function lowerValue(text: string): string {
  const equals = text.indexOf('=')
  return equals < 0 ? text : text.slice(0, equals) + text.slice(equals).toLowerCase()
}

function makeSource({ header, query, path, json, form }: DeclaredSource): Source {
  if (header !== undefined) return { header: header.toLowerCase() }
  if (query !== undefined) return { query }
  if (path !== undefined) return { path }
  if (form !== undefined) return json === undefined ? { form } : { form, json }
  return { json: json ?? '' }
}
