import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { jsonOr } from './answers.ts'
import { problemOf } from './errors.ts'
import { DescribedRequestSchema, ExplanationSchema } from './explain.ts'
import type { DescribedRequest } from './explain.ts'
import { jsonLines } from './ndjson.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { checker } from './validate.ts'

const NDJSON = 'application/x-ndjson'
const LINE_MAX = 1024 * 1024

const Lines = Type.Unsafe<Readable>(Type.String({ description: 'One JSON value a line: an answer, or {"error": problem} in its place.' }))

/**
 * `POST /decisions`: what the proxy would make of a described request, as JSON; or of many as NDJSON, answered line
 * by line while they come. A line that cannot be explained is answered with `{"error": problem}` in its place.
 */
export function decisionsRoutes(app: AdminApp, { explain, log }: AdminPorts): void {
  const check = checkAddress(checker(DescribedRequestSchema, 'The request'))

  // Not read ahead: the lines are taken from the connection as their answers leave.
  app.addContentTypeParser(NDJSON, (_request, payload, done) => done(null, payload))

  app.post('/decisions', {
    config: {
      role: 'viewer', reads: ['application/json', NDJSON],
      body: { 'application/json': DescribedRequestSchema, [NDJSON]: Type.String({ description: 'One described request a line.' }) },
    },
    schema: {
      operationId: 'explainDecision', summary: 'What the proxy would make of a described request; nothing is counted or recorded',
      tags: ['decisions'], response: { 200: jsonOr(ExplanationSchema, NDJSON, Lines, 'What would be decided, and why.') },
    },
  }, async (request, reply) => {
    const { body } = request
    if (!(body instanceof Readable)) return explain(check(body))
    return reply.header('content-type', NDJSON).send(Readable.from(answers(body), { objectMode: false }))
  })

  async function* answers(body: Readable): AsyncGenerator<string> {
    try {
      for await (const line of jsonLines(body, LINE_MAX)) {
        yield 'error' in line ? faulty(line.error) : await one(() => check(line.value))
      }
    } catch (error) {
      yield faulty(error)
    }
  }

  async function one(read: () => DescribedRequest): Promise<string> {
    try {
      return `${JSON.stringify(await explain(read()))}\n`
    } catch (error) {
      return faulty(error)
    }
  }

  function faulty(error: unknown): string {
    if (!(error instanceof SluiceError)) {
      log('error', `A request could not be explained: ${error instanceof Error ? error.message : String(error)}`)
    }
    return `${JSON.stringify({ error: problemOf(error) })}\n`
  }
}

/** Whether it is an address is no question of a pattern. */
function checkAddress(check: (value: unknown) => DescribedRequest): (value: unknown) => DescribedRequest {
  return (value) => {
    const described = check(value)
    const ip = described.client?.ip
    if (ip === undefined || isIP(ip) !== 0) return described
    throw new SluiceError('admin.invalid', 'The request: client/ip must be an IP address', 'Correct the named place and send it again.',
      { faults: [{ path: 'client/ip', message: 'must be an IP address' }] })
  }
}
