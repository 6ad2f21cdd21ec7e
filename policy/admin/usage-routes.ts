import Type from 'typebox'
import { USAGE_BY, USAGE_HOURS } from '../usage.ts'
import { json } from './answers.ts'
import type { AdminApp, AdminPorts } from './ports.ts'

const Query = Type.Object({
  by: Type.Enum([...USAGE_BY], { description: `one of ${USAGE_BY.join(', ')}` }),
  over: Type.Optional(Type.String({ pattern: '^([1-9]|1[0-9]|2[0-5])h$', description: `hours from 1h to ${USAGE_HOURS}h` })),
}, { additionalProperties: false, description: 'by= and, if wanted, over=' })

const Usage = Type.Object({
  by: Type.Enum([...USAGE_BY]),
  over: Type.String(),
  rows: Type.Array(Type.Object({ key: Type.String(), bytes: Type.Integer({ minimum: 0 }), count: Type.Integer({ minimum: 0 }) })),
}, { title: 'Usage' })

/** `GET /usage?by=provider&over=24h`: bytes and counts of uploads that went through this node, most bytes first. */
export function usageRoutes(app: AdminApp, { usage }: AdminPorts): void {
  app.get('/usage', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'getUsage', summary: 'Bytes and counts of uploads that went through this node', tags: ['usage'],
      querystring: Query, response: { 200: json(Usage, 'Most bytes first.') },
    },
  }, async (request) => {
    const { by, over = '24h' } = request.query
    return { by, over, rows: usage(by, Number.parseInt(over, 10)) }
  })
}
