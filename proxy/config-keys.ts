/** The keys of the configuration as a flat list, read off the schema: each one's path, its variable and how text is read for it. */
import type { TSchema } from 'typebox'
import { ConfigSchema } from './config-schema.ts'

export interface Key {
  /** `proxy.listen` */
  readonly path: string
  /** `SLUICE_PROXY_LISTEN` */
  readonly variable: string
  readonly schema: TSchema
  /** How a variable's or flag's text becomes a value: as it is, split at commas, or as YAML. */
  readonly reads: 'text' | 'list' | 'yaml'
  readonly nullable: boolean
}

/** What the walk needs to know of a TypeBox schema, which is JSON Schema with types on top. */
interface Shape {
  readonly type?: string
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly additionalProperties?: unknown
  readonly anyOf?: readonly Shape[]
  readonly items?: Shape
  readonly default?: unknown
  readonly description?: string
}

export function shapeOf(schema: TSchema): Shape {
  return schema
}

/** The keys below a section, null for a leaf. Sections are closed objects that default to empty ones. */
export function sectionOf(schema: TSchema): Readonly<Record<string, TSchema>> | null {
  const shape = shapeOf(schema)
  return shape.type === 'object' && shape.additionalProperties === false && shape.properties !== undefined ? shape.properties : null
}

/** `intercept.unexplainedBody` → `SLUICE_INTERCEPT_UNEXPLAINED_BODY`. */
export function variableOf(path: string): string {
  return `SLUICE_${path.replaceAll('.', '_').replaceAll(/[A-Z]/g, capital => `_${capital}`).toUpperCase()}`
}

function keysOf(schema: TSchema, path: string): Key[] {
  const section = sectionOf(schema)
  if (section !== null) {
    return Object.entries(section).flatMap(([name, below]) => keysOf(below, path === '' ? name : `${path}.${name}`))
  }
  const shape = shapeOf(schema)
  const forms = shape.anyOf ?? [shape]
  const array = forms.find(form => form.type === 'array')
  const reads = array?.items?.type === 'string' ? 'list' : forms.some(isStructured) ? 'yaml' : 'text'
  return [{ path, variable: variableOf(path), schema, reads, nullable: forms.some(form => form.type === 'null') }]
}

function isStructured(form: Shape): boolean {
  return ['object', 'array', 'boolean', 'integer'].includes(form.type ?? '')
}

export const KEYS: readonly Key[] = keysOf(ConfigSchema, '')
