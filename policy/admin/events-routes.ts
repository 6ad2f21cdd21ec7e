import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { SluiceError } from '../errors.ts'
import { byOf } from './actor.ts'
import { json } from './answers.ts'
import { cursorOf, filterOf, PAGE, PageQuery, placeOf } from './events-query.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { Shares } from './shares.ts'

export const EventSchema = Type.Object({
  '@timestamp': Type.String({ description: 'when the request came' }),
  event: Type.Object({
    id: Type.String(), action: Type.String(), sequence: Type.Integer({ minimum: 0, description: 'ascends from event to event of a node' }),
  }),
}, { title: 'Event', description: 'a decision in Elastic Common Schema' })

const Page = Type.Object({
  events: Type.Array(EventSchema),
  next: Type.Optional(Type.String({ description: 'the cursor of the next page; absent at the end' })),
  source: Type.Enum(['files', 'memory'], { description: 'memory: no event files are kept, and only the last 1,000 events are known' }),
}, { additionalProperties: false, title: 'EventPage' })

const OfUser = Type.Object({
  user: Type.String({
    minLength: 1, maxLength: 256, pattern: '^[^\\u0000-\\u001f\\u007f]+$', description: 'a user name, case does not count, or a pseudonym',
  }),
}, { additionalProperties: false, description: 'user=' })

const Erased = Type.Object({
  erased: Type.Integer({ minimum: 0, description: 'events that were removed' }),
  unread: Type.Array(Type.String(), { description: 'files that may hold more and are not read: compressed ones' }),
}, { additionalProperties: false, title: 'Erased' })

const ById = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 64, pattern: '^[\\w-]+$', description: 'an event id: letters, digits, - and _' }),
}, { additionalProperties: false, description: 'the id of an event' })

/** Searches that one token, and all together, may have under way. */
const SEARCHES_OF_ONE = 4
const MAX_SEARCHES = 16

/** `GET /events`, `GET /events/{id}`: what was decided on this node; `DELETE /events?user=`: one person's events are erased. */
export function eventsRoutes(app: AdminApp, { events, store, log }: AdminPorts): void {
  const searches = new Shares({
    each: SEARCHES_OF_ONE, all: MAX_SEARCHES, what: 'searches of the events of this node are under way', remedy: 'Wait for the answer to one',
  })
  /** Files are searched one request at a time, so that whoever asks for much would have all others wait for him. */
  const search = async <T>({ actor }: FastifyRequest, work: () => Promise<T>): Promise<T> => {
    const done = searches.take(actor?.author ?? '')
    return work().finally(done)
  }

  app.get('/events', {
    config: { role: 'viewer', errors: ['events.busy'] },
    schema: {
      operationId: 'listEvents', summary: 'What was decided on this node, newest first', tags: ['events'], querystring: PageQuery,
      description: 'In the order in which requests ended. A page may be short, even empty, while there is a next: a search goes on there.',
      response: { 200: json(Page, 'Newest first.') },
    },
  }, async (request) => {
    const { limit, cursor, ...query } = request.query
    const isAdmin = request.actor?.role === 'admin'
    const filter = filterOf(query, (user) => events.namesOf(user, isAdmin))
    const before = cursor === undefined ? undefined : placeOf(cursor)
    const page = await search(request, () => events.page(filter, limit === undefined ? PAGE : Number(limit), before))
    return { events: page.events, ...page.next === null ? {} : { next: cursorOf(page.next) }, source: page.source }
  })

  app.delete('/events', {
    config: { role: 'admin' },
    schema: {
      operationId: 'eraseEvents', summary: 'Removes the events of one person from this node', tags: ['events'], querystring: OfUser,
      description: 'From its files and its memory, with what usage counted for the person. The audit log tells the pseudonym, not the name. ' +
        'Each node has its own events.',
      response: { 200: json(Erased, 'How many were removed.') },
    },
  }, async (request) => {
    const { user } = request.query
    const by = byOf(request)
    const subject = await events.pseudonymOf(user)
    // First, so that nothing is removed of which nobody can tell who did it.
    await store.note({ ...by, action: 'events.erase', subject })
    const done = await events.erase(user)
    log('info', `${done.erased} ${done.erased === 1 ? 'event' : 'events'} of ${subject} removed by ${JSON.stringify(by.author)}`)
    return done
  })

  app.get('/events/:id', {
    config: { role: 'viewer', errors: ['event.not-found', 'events.busy'] },
    schema: {
      operationId: 'getEvent', summary: 'One event, by the id that a refused client was told', tags: ['events'], params: ById,
      response: { 200: json(EventSchema, 'The event.') },
    },
  }, async (request) => {
    const found = await search(request, () => events.find(request.params.id))
    if (found !== null) return found
    throw new SluiceError('event.not-found', 'This node has no such event (any more)', 'Ask the other nodes, and see events.retention')
  })
}
