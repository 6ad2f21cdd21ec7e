/**
 * Where values come from: `sluice.yaml`, variables, flags. Later ones win. What comes out is a plain tree of the
 * file's shape and, for every path set, the place to name when its value is wrong.
 */
import { LineCounter, parseDocument } from 'yaml'
import { SluiceError, nearest } from '../policy/errors.ts'
import { KEYS } from './config-keys.ts'
import type { Key } from './config-keys.ts'
import { readText } from './read-text.ts'

export interface Sources {
  /** Path of a YAML file; none: defaults, variables and flags only. */
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** By path: `{ 'proxy.listen': '127.0.0.1:0' }`, each as its variable would be written. */
  readonly flags?: Readonly<Record<string, string>> | undefined
  /** How the flag for a path is written, to name it in errors. */
  readonly flagName?: (path: string) => string
}

export interface Gathered {
  readonly values: Record<string, unknown>
  /** By path: `SLUICE_PROXY_LISTEN`, `--listen`. */
  readonly places: ReadonlyMap<string, string>
  /** Secrets that variables give: `SLUICE_ADMIN_TOKEN` and `SLUICE_CERTS_PASSPHRASE`. */
  readonly adminToken: string | null
  readonly passphrase: string | null
}

/** The short form `store: "redis://…"`, as a variable. */
const STORE_SHORT = 'SLUICE_STORE'
export const TOKEN = 'SLUICE_ADMIN_TOKEN'
export const PASSPHRASE = 'SLUICE_CERTS_PASSPHRASE'

/** Throws `config.unreadable`, `config.unknown-key` (a variable) or `config.invalid` (one that cannot be read). */
export function gather(sources: Sources): Gathered {
  const values = sources.file === undefined ? {} : parseFile(sources.file)
  const places = new Map<string, string>()
  if (typeof values.store === 'string') values.store = { url: values.store }

  const variables = readVariables(sources.env)
  for (const key of KEYS) {
    const text = variables.get(key.variable) ?? (key.path === 'store.url' ? variables.get(STORE_SHORT) : undefined)
    if (text !== undefined) assign(values, places, key, text, key.variable)
    const flag = sources.flags?.[key.path]
    if (flag !== undefined) assign(values, places, key, flag, sources.flagName?.(key.path) ?? `the flag for ${key.path}`)
  }
  // The files' variables are those of keys, admin.tokenFile and certs.passphraseFile, so the loop above does not see the pairs.
  for (const secret of [TOKEN, PASSPHRASE]) if (variables.has(secret) && variables.has(`${secret}_FILE`)) throw twice(secret)
  return { values, places, adminToken: variables.get(TOKEN) ?? null, passphrase: variables.get(PASSPHRASE) ?? null }
}

/** Every `SLUICE_*` variable by name, `*_FILE` ones replaced by what their file holds. An empty one counts as not set. */
function readVariables(env: NodeJS.ProcessEnv): Map<string, string> {
  const known = new Set([...KEYS.map(key => key.variable), STORE_SHORT, TOKEN, PASSPHRASE])
  const found = new Map<string, string>()
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('SLUICE_') || name === 'SLUICE_LOG' || text === undefined || text === '') continue
    if (known.has(name)) {
      if (found.has(name)) throw twice(name)
      found.set(name, text)
      continue
    }
    const base = name.endsWith('_FILE') ? name.slice(0, -5) : ''
    if (!known.has(base)) throw unknownVariable(name, [...known, 'SLUICE_LOG'])
    if (found.has(base)) throw twice(base)
    found.set(base, readText(text, name))
  }
  return found
}

function assign(values: Record<string, unknown>, places: Map<string, string>, key: Key, text: string, place: string): void {
  const [first = '', second] = key.path.split('.')
  places.set(key.path, place)
  const value = readValue(key, text, place)
  if (second === undefined) {
    values[first] = value
    return
  }
  const section = values[first]
  values[first] = { ...(isMap(section) ? section : {}), [second]: value }
}

function readValue(key: Key, text: string, place: string): unknown {
  if (key.nullable && text === 'null') return null
  if (key.reads === 'text') return text
  if (key.reads === 'list') return text.split(',').map(item => item.trim()).filter(item => item !== '')
  return parseYaml(text, place, 'config.invalid')
}

function parseFile(file: string): Record<string, unknown> {
  const value = parseYaml(readText(file, 'the configuration file'), file, 'config.unreadable')
  if (value === null) return {}
  if (isMap(value)) return value
  throw new SluiceError('config.unreadable', `${file} does not hold keys and values`, 'Begin with a line such as "proxy:"')
}

/** Says where the text is wrong, but repeats none of it: it may hold a password. */
function parseYaml(text: string, place: string, code: 'config.invalid' | 'config.unreadable'): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const fault = document.errors[0]
  if (fault === undefined) return document.toJS({ maxAliasCount: 100 })
  const { line, col } = lines.linePos(fault.pos[0])
  throw new SluiceError(code, `${place} is not valid YAML at line ${line}, column ${col} (${fault.code})`, 'Correct that line')
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function twice(name: string): SluiceError {
  return new SluiceError('config.invalid', `${name} and ${name}_FILE are both set`, 'Keep one of them')
}

function unknownVariable(name: string, known: readonly string[]): SluiceError {
  const near = nearest(name, known)
  return new SluiceError('config.unknown-key', `${name} is not a variable of Sluice`,
    near === undefined ? 'Unset it; README lists the keys' : `Did you mean ${near}?`)
}
