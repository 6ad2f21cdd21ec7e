import { Readable } from 'node:stream'
import Type from 'typebox'
import { cutStalled } from './cut-stalled.ts'
import type { EcsEvent } from '../ecs-event.ts'
import { FilterQuery, filterOf, invalid } from './events-query.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { Shares } from './shares.ts'

const EVENT_STREAM = 'text/event-stream'
const MAX_LISTENERS = 16
/** Of those, what one token may take: a page that was opened a few times, and not all that others need. */
const MAX_OF_ONE = 4
/** Proxies close a connection on which nothing passes for a minute. */
const KEEP_ALIVE_MS = 15_000
/** Then a listener must come again, with a token that is still good. */
const LISTEN_MS = 15 * 60_000
/** A listener that takes nothing for so long is cut; it may come again. */
const STALLED_MS = 30_000
/** For what was told before the end. */
const GRACE_MS = 5_000
/** So soon a token that was taken away, or has ended, hears nothing more. */
const ASK_AGAIN_MS = 5_000

const Stream = Type.Unsafe<Readable>(Type.String({ description: 'Server-sent events: the event as JSON in data, its number in id.' }))

/**
 * `GET /events/stream`: events as they are recorded (server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * After a break, `Last-Event-ID` goes on where it was. Events are handed out as they are taken, so that a slow listener costs nothing;
 * one that takes none at all is cut.
 */
export function eventsStream(app: AdminApp, { events }: AdminPorts): void {
  const listeners = new Shares({
    each: MAX_OF_ONE, all: MAX_LISTENERS, what: 'listeners follow the events of this node', remedy: 'End one, or read GET /v1/events',
  })
  app.get('/events/stream', {
    config: {
      role: 'viewer', errors: ['events.busy'],
      headers: { 'Last-Event-ID': 'The id of the last event that was received; those after it come first.' },
    },
    schema: {
      operationId: 'followEvents', summary: 'What is decided on this node, as it happens', tags: ['events'], querystring: FilterQuery,
      description: 'Ends after 15 minutes; a client comes again with Last-Event-ID and misses nothing.',
      response: { 200: { description: 'Server-sent events.', content: { [EVENT_STREAM]: { schema: Stream } } } },
    },
  }, async (request, reply) => {
    const isAdmin = request.actor?.role === 'admin'
    const filter = filterOf(request.query, (user) => events.namesOf(user, isAdmin))
    const after = lastEventId(request.headers['last-event-id'])
    // Who has hung up meanwhile closes no more: a place that was taken now would never be free again.
    if (reply.raw.destroyed) return reply.hijack()
    const leave = listeners.take(request.actor?.author ?? '')
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), LISTEN_MS).unref()
    const again = setInterval(() => {
      // While nobody can tell (the store is away), it goes on as everything does.
      request.stillOpens().then((opens) => { if (!opens) stop.abort() }, () => undefined)
    }, ASK_AGAIN_MS).unref()
    cutStalled(reply.raw, STALLED_MS)
    // What is on its way to a client that takes nothing would keep the answer open.
    stop.signal.addEventListener('abort', () => setTimeout(() => reply.raw.destroy(), GRACE_MS).unref(), { once: true })
    reply.raw.once('close', () => {
      leave()
      clearTimeout(timer)
      clearInterval(again)
      stop.abort()
    })
    const lines = Readable.from(linesOf(events.follow(filter, stop.signal, after)), { objectMode: false })
    return reply.header('content-type', EVENT_STREAM).header('x-accel-buffering', 'no').send(lines)
  })
}

async function* linesOf(events: AsyncIterable<EcsEvent>): AsyncGenerator<string> {
  yield 'retry: 3000\n\n' // lets the header go out at once
  const source = events[Symbol.asyncIterator]()
  try {
    for (let next = source.next(); ;) {
      const told = await orIdle(next)
      if (told === 'idle') {
        yield ': keep-alive\n\n'
        continue
      }
      if (told.done === true) return
      yield `id: ${told.value.event.sequence}\ndata: ${JSON.stringify(told.value)}\n\n`
      next = source.next()
    }
  } finally {
    void source.return?.()
  }
}

async function orIdle<T>(next: Promise<T>): Promise<T | 'idle'> {
  const idle = Promise.withResolvers<'idle'>()
  const timer = setTimeout(() => idle.resolve('idle'), KEEP_ALIVE_MS).unref()
  try {
    return await Promise.race([next, idle.promise])
  } finally {
    clearTimeout(timer)
  }
}

function lastEventId(given: string | string[] | undefined): number | undefined {
  if (given === undefined || given === '') return undefined
  if (typeof given === 'string' && /^\d{1,16}$/.test(given)) return Number(given)
  throw invalid('Last-Event-ID', 'must be the id of an event of this stream')
}
