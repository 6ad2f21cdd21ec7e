/** The configuration: gathered from file, variables and flags, checked as a whole, and frozen. DESIGN §5 has the keys. */
import { Value } from 'typebox/value'
import type { TSchema } from 'typebox'
import { TOKEN_FORM, isJwt, isToken } from '../policy/admin/bearer.ts'
import { SluiceError, nearest } from '../policy/errors.ts'
import type { Fault } from '../policy/errors.ts'
import { KEYS, sectionOf, shapeOf } from './config-keys.ts'
import { ruleFaults } from './config-rules.ts'
import { ConfigSchema } from './config-schema.ts'
import type { ConfigValues } from './config-schema.ts'
import { PASSPHRASE, TOKEN, gather } from './config-sources.ts'
import type { Sources } from './config-sources.ts'
import { readText } from './read-text.ts'

// Whoever steals the file can try millions of short ones.
const SHORTEST_PASSPHRASE = 16

type DeepReadonly<T> = T extends readonly (infer I)[] ? readonly DeepReadonly<I>[]
  : T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/**
 * The effective configuration, every default filled in. Durations are milliseconds, sizes bytes, addresses
 * `{ host, port }`, networks `address/bits`. Secrets, where they were given: `admin.token`, the first admin token, and
 * `certs.passphrase`, under which the authority's key is stored.
 */
export type Config = DeepReadonly<Omit<ConfigValues, 'admin' | 'certs'> & {
  admin: ConfigValues['admin'] & { token: string | null }
  certs: ConfigValues['certs'] & { passphrase: string | null }
}>

/**
 * Reads the configuration. Flags win over `SLUICE_*` variables, those over the file, that over the defaults.
 * Throws `SluiceError`: `config.unknown-key` (with the nearest valid one), `config.invalid` (every fault, with its
 * place and what is allowed) or `config.unreadable`.
 */
export function loadConfig(sources: Sources): Config {
  const { values, places, adminToken, passphrase } = gather(sources)
  refuseUnknownKeys(values, sources.file ?? 'the configuration')

  const placeOf = (path: string) => places.get(path) ?? (sources.file === undefined ? undefined : `in ${sources.file}`)
  const faults: Fault[] = []
  const decoded = decode(ConfigSchema, values, '', faults)
  if (faults.length > 0) throw invalid(faults, placeOf)

  const config = decoded as ConfigValues // every leaf has passed its schema and parser
  const late = ruleFaults(config)
  if (late.length > 0) throw invalid(late, placeOf)
  const token = adminToken === null ? tokenOfFile(config.admin.tokenFile) : { text: adminToken, place: TOKEN }
  if (token !== null && !isToken(token.text)) {
    // The token itself is not repeated: all but one character of it may be the one that is meant.
    throw new SluiceError('config.invalid', `The admin token in ${token.place} must be ${TOKEN_FORM}`,
      'Use the output of openssl rand -hex 32', { faults: [{ path: token.place, message: `must be ${TOKEN_FORM}` }] })
  }
  if (token !== null && config.admin.oidc !== null && isJwt(token.text)) {
    throw new SluiceError('config.invalid', `The admin token in ${token.place} has the form of a JSON Web Token, which admin.oidc reads`,
      'Use the output of openssl rand -hex 32', { faults: [{ path: token.place, message: 'must not have the form of a JSON Web Token' }] })
  }
  const secret = passphrase === null ? passphraseOfFile(config.certs.passphraseFile) : { text: passphrase, place: PASSPHRASE }
  if (secret !== null && secret.text.length < SHORTEST_PASSPHRASE) {
    throw new SluiceError('config.invalid', `The passphrase in ${secret.place} is shorter than ${SHORTEST_PASSPHRASE} characters`,
      'Use the output of openssl rand -hex 32', { faults: [{ path: secret.place, message: `must have ${SHORTEST_PASSPHRASE} characters or more` }] })
  }
  return deepFreeze({
    ...config,
    admin: { ...config.admin, token: token?.text ?? null },
    certs: { ...config.certs, passphrase: secret?.text ?? null },
  })
}

function tokenOfFile(file: string | null): { text: string; place: string } | null {
  return file === null ? null : { text: readText(file, 'admin.tokenFile'), place: `${file} (admin.tokenFile)` }
}

function passphraseOfFile(file: string | null): { text: string; place: string } | null {
  return file === null ? null : { text: readText(file, 'certs.passphraseFile'), place: `${file} (certs.passphraseFile)` }
}

/** Fills defaults and parses, leaf by leaf, so that each fault has its path. */
function decode(schema: TSchema, given: unknown, path: string, faults: Fault[]): unknown {
  const shape = shapeOf(schema)
  const value = given === undefined ? structuredClone(shape.default) : given
  const section = sectionOf(schema)
  if (section !== null) {
    const map = isMap(value ?? {}) ? value ?? {} : null
    if (map === null) {
      faults.push({ path, message: `must hold the keys ${Object.keys(section).join(', ')}` })
      return {}
    }
    return Object.fromEntries(Object.entries(section).map(([name, below]) =>
      [name, decode(below, Reflect.get(map, name), path === '' ? name : `${path}.${name}`, faults)]))
  }
  if (!Value.Check(schema, value)) {
    faults.push({ path, message: `must be ${shape.description ?? 'different'}` })
    return null
  }
  try {
    return Value.Decode(schema, value)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    faults.push({ path, message: error.message })
    return null
  }
}

function refuseUnknownKeys(values: Record<string, unknown>, place: string): void {
  const paths = KEYS.map(key => key.path)
  const sections = new Set(paths.map(path => path.split('.')[0] ?? path))
  for (const [name, value] of Object.entries(values)) {
    if (!sections.has(name)) throw unknownKey(name, [...sections, ...paths], place)
    if (paths.includes(name) || !isMap(value)) continue
    for (const below of Object.keys(value)) {
      const path = `${name}.${below}`
      if (!paths.includes(path)) throw unknownKey(path, paths, place)
    }
  }
}

function unknownKey(path: string, valid: readonly string[], place: string): SluiceError {
  const last = path.split('.').at(-1) ?? path
  // A key in the wrong section, `listen:` at the top, is as common as a slip of the pen.
  const near = nearest(path, valid) ?? valid.find(key => key.endsWith(`.${last}`))
  const shown = JSON.stringify(path).slice(1, -1)
  return new SluiceError('config.unknown-key', `${shown} in ${place} is not a key of the configuration`,
    near === undefined ? `Valid are ${siblings(path, valid).join(', ')}` : `Did you mean ${near}?`)
}

function siblings(path: string, valid: readonly string[]): string[] {
  const section = path.includes('.') ? path.slice(0, path.indexOf('.') + 1) : ''
  return valid.filter(key => section === '' ? !key.includes('.') : key.startsWith(section))
}

function invalid(faults: readonly Fault[], placeOf: (path: string) => string | undefined): SluiceError {
  const named = faults.map(fault => ({ path: fault.path, message: withPlace(fault, placeOf(fault.path)) }))
  const [first] = named
  const message = named.length === 1 && first !== undefined
    ? `${first.path} ${first.message}`
    : `The configuration has ${named.length} faults`
  return new SluiceError('config.invalid', message, 'Correct it and try again; `sluice check` shows what is in effect',
    { faults: named })
}

function withPlace(fault: Fault, place: string | undefined): string {
  return place === undefined ? fault.message : `(${place}) ${fault.message}`
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const below of Object.values(value)) deepFreeze(below)
    Object.freeze(value)
  }
  return value
}
