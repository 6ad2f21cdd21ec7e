/** Named schemas: one with a `title` is told once, under `components`, and referred to from everywhere else. */

type Json = Record<string, unknown>

/** Stands for a schema until the document is put together. A `$ref` would be followed before. */
const REFERENCE = 'x-component'

/** Takes named schemas, and the definitions of cyclic ones, out of `schema` into `found`. Changes nothing of what it is given. */
export function nameSchemas(schema: unknown, found: Map<string, unknown>): unknown {
  if (Array.isArray(schema)) return schema.map((item) => nameSchemas(item, found))
  if (!isObject(schema)) return schema
  const { title, $defs, $ref } = schema
  if (typeof $ref === 'string' && isObject($defs)) {
    for (const [name, one] of Object.entries($defs)) define(name, one, found)
  }
  if (typeof $ref === 'string') return { [REFERENCE]: $ref, ...described(schema) }
  // A property may be called title, too.
  if (typeof title !== 'string') return inner(schema, found)
  define(title, schema, found)
  return { [REFERENCE]: title, ...described(schema) }
}

function described({ description }: Json): Json {
  return typeof description === 'string' ? { description } : {}
}

/** The document with references in the place of what stands for them, and everything that was `found` under `components`. */
export function referToNamed(document: Json, found: ReadonlyMap<string, unknown>): Json {
  const components = isObject(document['components']) ? document['components'] : {}
  const schemas = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
  const whole = refer({ ...document, components: { ...components, schemas } })
  return isObject(whole) ? whole : document
}

function define(name: string, schema: unknown, found: Map<string, unknown>): void {
  if (found.has(name) || !isObject(schema)) return
  // Before what is within it, because that may be itself.
  found.set(name, undefined)
  const { $id: _id, title: _title, ...rest } = schema
  found.set(name, inner(rest, found))
}

function inner(schema: Json, found: Map<string, unknown>): Json {
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, nameSchemas(value, found)]))
}

function refer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(refer)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) =>
    key === REFERENCE && typeof one === 'string' ? ['$ref', `#/components/schemas/${one}`] : [key, refer(one)]))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
