/** Turns schema errors into faults that a person can act on: the place, what is wrong, what is allowed there. */
import type { TLocalizedValidationError } from 'typebox/error'
import { nearest } from './errors.ts'
import type { Fault } from './errors.ts'
import { LATER_KEYS } from './schema.ts'

type Json = Record<string, unknown>

/**
 * Faults of `value` under a schema whose nodes carry a `description` of what is allowed. Only the most exact
 * place is kept: the bad item of a list, not the list too.
 */
export function faultsOf(schema: unknown, errors: readonly TLocalizedValidationError[], value: unknown): Fault[] {
  const faults = new Map<string, Fault>()
  const choices = new Map<string, readonly unknown[]>()
  for (const error of errors) if (error.keyword === 'enum') choices.set(error.instancePath, error.params.allowedValues)
  const add = (path: string, message: string): void => {
    if (!faults.has(path)) faults.set(path, { path, message })
  }
  for (const error of errors) {
    const segments = error.instancePath.split('/').slice(1)
      .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const path = segments.join('/')
    if (error.keyword === 'required') {
      for (const key of error.params.requiredProperties) {
        add(join(path, key), `is missing; it must be ${allowedAt(schema, [...segments, key])}`)
      }
    } else if (error.keyword === 'boolean') {
      const key = segments.at(-1) ?? ''
      add(join(segments.slice(0, -1).join('/'), printable(key)), unknownKey(key, keysAt(schema, segments.slice(0, -1))))
    } else if (error.keyword !== 'additionalProperties') {
      const wrong = valueAt(value, segments)
      add(path, `${given(wrong)}must be ${allowedAt(schema, segments)}${hint(wrong, choices.get(error.instancePath))}`)
    }
  }
  const all = [...faults.values()]
  return all.filter(fault => !all.some(other => other !== fault && inside(other.path, fault.path)))
}

function unknownKey(key: string, known: readonly string[]): string {
  // Among conditions only: elsewhere it is a slip like any other.
  if (LATER_KEYS.includes(key) && known.includes('activity')) return `is not known to this version of Sluice; known are ${known.join(', ')}`
  const near = nearest(key.slice(0, 64), known)
  return near === undefined
    ? `is not a known key; known are ${known.join(', ')}`
    : `is not a known key; did you mean ${near}?`
}

/** The faulty value, short enough for one line; objects and lists are named, not shown. */
function given(value: unknown): string {
  if (typeof value === 'string') return `${printable(value)} is not allowed; it `
  if (typeof value === 'number' || typeof value === 'boolean') return `${String(value)} is not allowed; it `
  return ''
}

function hint(wrong: unknown, choices: readonly unknown[] = []): string {
  const near = typeof wrong !== 'string' ? undefined
    : nearest(wrong.slice(0, 64), choices.filter(choice => typeof choice === 'string'))
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** A text without control characters, cut at 60. */
export function printable(text: string): string {
  const quoted = escaped(JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text))
  return /^"[\w.*-]+"$/.test(quoted) ? quoted.slice(1, -1) : quoted
}

/** Controls, C1 too, and marks that reorder text or are invisible: a terminal obeys them, or shows something else than there is. */
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g

/** A text with such characters as JSON writes them. */
export function escaped(text: string): string {
  return text.replace(OBEYED, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}/${key}`
}

function inside(path: string, outer: string): boolean {
  return outer === '' || path.startsWith(`${outer}/`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}

function valueAt(value: unknown, segments: readonly string[]): unknown {
  return segments.reduce<unknown>((at, key) => isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined, value)
}

/** Follows an instance path through properties, items and the one recursive reference (`not`). */
function schemaAt(schema: unknown, segments: readonly string[]): Json {
  let definitions: Json = {}
  const open = (node: unknown): Json => {
    if (!isObject(node)) return {}
    if (isObject(node['$defs'])) definitions = node['$defs']
    const target = node['$ref']
    const named = typeof target === 'string' ? definitions[target] : undefined
    return isObject(named) ? named : node
  }
  let node = open(schema)
  for (const key of segments) {
    const properties = node['properties']
    if (isObject(properties) && Object.hasOwn(properties, key)) node = open(properties[key])
    else if ('items' in node) node = open(node['items'])
    else break
  }
  return node
}

function allowedAt(schema: unknown, segments: readonly string[]): string {
  const description = schemaAt(schema, segments)['description']
  return typeof description === 'string' ? description : 'something else'
}

function keysAt(schema: unknown, segments: readonly string[]): string[] {
  const properties = schemaAt(schema, segments)['properties']
  return isObject(properties) ? Object.keys(properties) : []
}
