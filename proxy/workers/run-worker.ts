/** A worker: carries the connections that it is handed, and tells what it has counted and recorded. */
import type { Socket } from 'node:net'
import type { Leaf } from '../../certs/leaf.ts'
import { readClientTls } from '../client-tls.ts'
import { collect } from '../collect.ts'
import { writeCompiled } from '../keep-compiled.ts'
import { listenHanded } from '../listener.ts'
import type { HandedListener } from '../listener.ts'
import { createLog } from '../log.ts'
import { openBase } from '../open-base.ts'
import type { Base, Undo } from '../open-base.ts'
import { openDataPath } from '../open-data-path.ts'
import type { DataPath } from '../open-data-path.ts'
import { openPseudonyms } from '../open-pseudonyms.ts'
import { drain } from '../carrier.ts'
import { ALIVE_MS, tell, untell } from './messages.ts'
import type { Begin, FromWorker, Taken, Told, ToWorker } from './messages.ts'
import { Outlet } from './outlet.ts'

/** How often it tells what is taken of limits for all clients together. */
const TELL_MS = 100
/** How long the last records may take. */
const LAST_MS = 2_000

interface Open {
  readonly base: Base
  readonly dataPath: DataPath
  readonly listener: HandedListener
  readonly outlet: Outlet
  readonly begin: Begin
  readonly undo: Undo
}

/** Begins when it is told to. Ends the process when it has stopped, or could not start. */
export function runWorker(): void {
  const send = (message: FromWorker): void => { process.send?.(message, undefined, undefined, () => undefined) }
  const leaves = new Leaves(send)
  let open: Open | null = null
  const take = async (message: ToWorker, socket: unknown): Promise<void> => {
    if (message.is === 'leaf') leaves.take(message)
    else if (message.is === 'begin') {
      try {
        open = await start(message, leaves, send)
        send({ is: 'ready' })
        writeCompiled()
        collect()
      } catch (error) {
        process.send?.({ is: 'failed', error: tell(error) } satisfies FromWorker, undefined, undefined, () => process.exit(1))
      }
    } else if (open !== null) await obey(open, message, socket, send)
  }
  setInterval(() => send({ is: 'alive' }), ALIVE_MS).unref()
  process.on('message', (message, socket) => { void take(message as ToWorker, socket) })
}

async function start(begin: Begin, leaves: Leaves, send: (message: FromWorker) => void): Promise<Open> {
  const { config } = begin
  const undo: Undo = []
  const log = createLog({ SLUICE_LOG: begin.level }).child({ worker: begin.number })
  const outlet = new Outlet({ send: (records) => send({ is: 'records', records }) })
  const base = await openBase(config, log, undo, {
    tickets: begin.tickets, pseudonym: begin.pseudonym,
    leaves: { keyPem: begin.leafKey, leaf: (host) => leaves.ask(host) },
    sent: (of, key, news) => outlet.sent(of, key, news),
  })
  base.own.add(begin.own)
  // The leaves themselves are made, and counted, elsewhere.
  base.metrics.leafCache(() => base.contexts.stats)
  base.metrics.eventSinks(() => [{ type: 'worker', dropped: outlet.dropped, waiting: outlet.waiting, isUp: true }])
  const pseudonyms = config.events.pseudonymise ? await openPseudonyms(config, base.storeLog) : undefined
  const dataPath = openDataPath(config, log, base, { events: outlet, usage: outlet, pseudonyms }, undo)
  const { limits } = dataPath
  const listener = listenHanded(dataPath.listenerParts, config.proxy.listen.length)
  limits.whenShort(() => {
    listener.closeIdle()
    dataPath.closeIdle()
  })
  limits.noteOthers(begin.others)
  tellTaken(limits, send)
  return { base, dataPath, listener, outlet, begin, undo }
}

async function obey(open: Open, message: Exclude<ToWorker, { is: 'begin' | 'leaf' }>, socket: unknown, send: (message: FromWorker) => void): Promise<void> {
  const { base, dataPath, listener, outlet, begin: { config } } = open
  switch (message.is) {
    case 'client':
      // Its client may have gone on the way.
      if (socket !== undefined) listener.take(socket as Socket)
      break
    case 'listen': listener.listen(message.address, socket as object); break
    case 'own': base.own.add(message.addresses); break
    case 'others': dataPath.limits.noteOthers(message.others); break
    case 'sent':
      for (const one of message.sent) (one.of === 'bodies' ? base.volumes : base.tunnelVolumes).learn(one.key, one)
      break
    case 'past':
      base.volumes.recall(message.past.bodies)
      base.tunnelVolumes.recall(message.past.tunnels)
      break
    case 'kept': outlet.kept(); break
    case 'values': send({ is: 'values', id: message.id, values: await base.metrics.values() }); break
    case 'reload': {
      const reload = (): Promise<void> => base.reload(() => {
        const renewed = readClientTls(config.proxy.tls)
        return () => { if (renewed !== null) listener.renew(renewed) }
      })
      send({ is: 'done', id: message.id, error: await faultOf(reload) })
      break
    }
    case 'refresh': send({ is: 'done', id: message.id, error: await faultOf(() => base.snapshot.refresh()) }); break
    case 'stop':
      await drain(listener, dataPath, config.proxy.drain)
      for (const step of open.undo.reverse()) await step()
      await outlet.close(LAST_MS)
      process.exit(0)
  }
}

async function faultOf(step: () => Promise<void>): Promise<Told | null> {
  try {
    await step()
    return null
  } catch (error) {
    return tell(error)
  }
}

function tellTaken(limits: DataPath['limits'], send: (message: FromWorker) => void): void {
  let told = ''
  setInterval(() => {
    const taken: Taken = { connections: limits.connections.open, tunnels: limits.tunnels.total, requests: limits.requests.total }
    const { isShedding } = limits.memory
    const now = `${taken.connections} ${taken.tunnels} ${taken.requests} ${isShedding}`
    if (now === told) return
    told = now
    send({ is: 'taken', taken, isShedding })
  }, TELL_MS).unref()
}

/** Leaves that another process makes. */
class Leaves {
  readonly #send: (message: FromWorker) => void
  readonly #asked = new Map<number, PromiseWithResolvers<Leaf>>()
  #id = 0

  constructor(send: (message: FromWorker) => void) {
    this.#send = send
  }

  ask(host: string): Promise<Leaf> {
    const id = ++this.#id
    const asked = Promise.withResolvers<Leaf>()
    this.#asked.set(id, asked)
    this.#send({ is: 'leaf', id, host })
    return asked.promise
  }

  take({ id, leaf }: Extract<ToWorker, { is: 'leaf' }>): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if ('message' in leaf) asked?.reject(untell(leaf))
    else asked?.resolve(leaf)
  }
}
