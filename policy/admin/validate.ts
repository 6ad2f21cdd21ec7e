import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { SluiceError } from '../errors.ts'
import { faultsOf } from '../faults.ts'

const MAX_FAULTS = 20

/** Makes a check of plain data: it answers the value, or throws `admin.invalid` with a fault for each bad place. Converts nothing. */
export function checker<T extends TSchema>(schema: T, what: string): (value: unknown) => Static<T> {
  const compiled = Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return value
    const faults = faultsOf(schema, compiled.Errors(value), value).slice(0, MAX_FAULTS)
    const first = faults[0]
    const place = first === undefined ? 'is not what it must be' : `${first.path} ${first.message}`.trim()
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
    throw new SluiceError('admin.invalid', `${what}: ${place}${more}`, 'Correct the named place and send it again.', { faults })
  }
}

const PARTS: Readonly<Record<string, string>> = { body: 'The body', querystring: 'The query', params: 'The path' }

/** Fastify's own compilers, which nobody asks here; it loads them where nothing takes their place. */
export const OWN_COMPILERS = { compilersFactory: { buildValidator: neverAsked, buildSerializer: neverAsked } }

function neverAsked(): never {
  throw new Error('a schema that no compiler of the admin API was given')
}

/** For Fastify: the same checks for the schemas of routes. */
export function validatorCompiler({ schema, httpPart }: { schema: TSchema; httpPart?: string }) {
  let check: ((value: unknown) => unknown) | undefined
  return (value: unknown): { value: unknown } | { error: Error } => {
    try {
      // Not at the start, which it would make longer: most routes are never asked.
      check ??= checker(schema, PARTS[httpPart ?? ''] ?? 'The request')
      return { value: check(value) }
    } catch (error) {
      if (error instanceof SluiceError) return { error }
      throw error
    }
  }
}
