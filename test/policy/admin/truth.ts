/** Holds every answer against the schema that its route declares for it, so that the documentation cannot say anything else. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { faultsOf } from '../../../policy/faults.ts'

interface Declared {
  readonly content?: Readonly<Record<string, { readonly schema: TSchema }>>
}

/** To be called before the app is ready. The list grows with each answer that is not as declared. */
export function watchAnswers(app: FastifyInstance): string[] {
  const lies: string[] = []
  app.addHook('onSend', async (request, reply, payload) => {
    const { schema, url } = request.routeOptions
    if (schema === undefined || schema.hide === true) return
    const lie = lieOf(request, reply.statusCode, String(reply.getHeader('content-type') ?? ''), payload)
    if (lie !== undefined) lies.push(`${request.method} ${url ?? ''} ${reply.statusCode}: ${lie}`)
  })
  return lies
}

function lieOf({ method, routeOptions }: FastifyRequest, status: number, type: string, payload: unknown): string | undefined {
  const response = routeOptions.schema?.response as Readonly<Record<string, Declared>> | undefined
  const declared = response?.[status]
  if (declared === undefined) return `the status is not declared; the answer is ${String(payload).slice(0, 500)}`
  const empty = payload === undefined || payload === null || payload === ''
  if (declared.content === undefined) return empty ? undefined : 'an answer without a body has one'
  if (method === 'HEAD') return undefined
  const media = type.split(';', 1)[0] ?? ''
  const schema = declared.content[media]?.schema
  if (schema === undefined) return `the media type ${media} is not declared`
  if (!media.endsWith('json') || media === 'application/x-ndjson') return undefined
  const value: unknown = JSON.parse(String(payload))
  const compiled = compiledOf(schema)
  if (compiled.Check(value)) return undefined
  return JSON.stringify(faultsOf(schema, compiled.Errors(value), value).slice(0, 5))
}

const known = new WeakMap<TSchema, ReturnType<typeof Compile>>()

function compiledOf(schema: TSchema): ReturnType<typeof Compile> {
  const compiled = known.get(schema) ?? Compile(schema)
  known.set(schema, compiled)
  return compiled
}
