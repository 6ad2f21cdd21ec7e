import Type from 'typebox'
import { isBroken } from '../break-glass.ts'
import { parseDuration } from '../duration.ts'
import { steadyNow } from '../steady-clock.ts'
import { currentControls } from '../snapshot.ts'
import { breakGlass, mendGlass } from '../store/change-break-glass.ts'
import type { ControlsPlace } from '../store/change-controls.ts'
import { byOf } from './actor.ts'
import { json, nothing } from './answers.ts'
import { catchUp } from './catch-up.ts'
import type { AdminApp, AdminPorts } from './ports.ts'

const closed = { additionalProperties: false }
const tags = ['break-glass']
const Wanted = Type.Object({
  reason: Type.String({
    minLength: 1, maxLength: 500, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$', description: 'one line of up to 500 characters',
  }),
  for: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}(s|m|h|d)$', description: 'how long it lasts: 30m or 2h, at most 24h; left out: 1h' })),
}, { ...closed, description: 'an object of reason and, if wanted, for', title: 'BreakGlassWanted' })
const State = Type.Object({
  on: Type.Boolean({ description: 'Whether everything passes unopened and unjudged.' }),
  reason: Type.Optional(Type.String()),
  author: Type.Optional(Type.String()),
  since: Type.Optional(Type.String()),
  until: Type.Optional(Type.String({ description: 'when it ends by itself' })),
}, { ...closed, title: 'BreakGlass' })

/** `GET/PUT/DELETE /break-glass`: for emergencies. */
export function breakGlassRoutes(app: AdminApp, { store, snapshot, log }: AdminPorts): void {
  const place: ControlsPlace = { store, read: currentControls(snapshot) }

  app.get('/break-glass', {
    config: { role: 'viewer' },
    schema: {
      operationId: 'getBreakGlass', summary: 'Whether everything passes, until when and why', tags,
      response: { 200: json(State, 'Whether it lasts.') },
    },
  }, async () => {
    await catchUp(snapshot, log)
    const stored = snapshot.current().controls.breakGlass
    return isBroken(stored, steadyNow()) ? { on: true, ...stored } : { on: false }
  })

  app.put('/break-glass', {
    config: { role: 'admin', errors: ['break-glass.invalid'] },
    schema: {
      operationId: 'putBreakGlass', summary: 'Lets everything pass unopened and unjudged for a time', tags, body: Wanted,
      response: { 200: json(State, 'It lasts.') },
    },
  }, async (request) => {
    const { reason, for: time = '1h' } = request.body
    const set = await breakGlass(place, reason, parseDuration(time), byOf(request))
    await catchUp(snapshot, log)
    return { on: true, ...set }
  })

  app.delete('/break-glass', {
    config: { role: 'admin' },
    schema: {
      operationId: 'deleteBreakGlass', summary: 'Ends it: the policy holds again', tags, response: { 204: nothing('It does not last.') },
    },
  }, async (request, reply) => {
    await mendGlass(place, byOf(request))
    await catchUp(snapshot, log)
    return reply.code(204).send()
  })
}
