import type { Call } from './operations.ts'

interface Schema {
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly schema?: Schema
}
interface Told {
  readonly operationId: string
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Told>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** The call of an operation with each name of its query and its body written with an x too many: where, the call, the name. */
export function misspelt(document: object, operationId: string, call: Call): [place: string, call: Call, name: string][] {
  const { paths, components } = document as Document
  const told = Object.values(paths).flatMap((path) => Object.values(path)).find((one) => one.operationId === operationId)
  const query = (told?.parameters ?? []).filter((one) => one.in === 'query')
  const schema = told?.requestBody?.content['application/json']?.schema
  const { properties = {} } = (schema?.$ref === undefined ? schema : components.schemas[schema.$ref.split('/').at(-1) ?? '']) ?? {}
  const { body } = call
  return [
    ...query.map(({ name }) => [`query ${name}`, { ...call, params: { ...call.params, [`${name}x`]: '1' } }, name] as [string, Call, string]),
    ...typeof body !== 'object' || body === null || Array.isArray(body) ? [] : Object.keys(properties)
      .map((name) => [`body ${name}`, { ...call, body: { ...body, [`${name}x`]: 1 } }, name] as [string, Call, string]),
  ]
}
