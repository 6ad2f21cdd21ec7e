/** Constructs what carries the traffic, from the connections of clients to the record of each request. */
import { Sparing } from '../policy/sparing.ts'
import { readClientTls } from './client-tls.ts'
import { askIn, standingIn } from './coach/ask.ts'
import { ExceptionServer } from './coach/exception-server.ts'
import { Offers } from './coach/offers.ts'
import type { Config } from './config.ts'
import { handleConnect } from './connect.ts'
import type { ConnectParts } from './connect.ts'
import { checkPort } from './destination.ts'
import type { EngineParts } from './engine-parts.ts'
import { createFront } from './front.ts'
import { openedRole } from './intercepts.ts'
import { authorityOf } from './listener.ts'
import type { ListenerParts } from './listener.ts'
import type { Logger } from './log.ts'
import type { Base, Undo } from './open-base.ts'
import { openLimits } from './open-limits.ts'
import { Passage } from './passage.ts'
import { Pipeline } from './pipeline.ts'
import { readLogo } from './read-logo.ts'
import { recordExchange, recordTunnel } from './recorder.ts'
import type { Recorders } from './recorder.ts'
import { Conductor } from './relay/conductor.ts'
import { Relay } from './relay/relay.ts'
import { StreamRelay } from './relay/stream-relay.ts'
import { UnderWay } from './under-way.ts'

export interface DataPath {
  /** What listeners give their connections to. */
  readonly listenerParts: ListenerParts
  readonly underWay: UnderWay
  readonly limits: ReturnType<typeof openLimits>
  /** Gives back what nobody is using. */
  closeIdle(): void
  /** Ends requests and tunnels that are under way. */
  cut(): void
}

export function openDataPath(config: Config, log: Logger, base: Base, records: Pick<Recorders, 'events' | 'usage' | 'pseudonyms'>, undo: Undo): DataPath {
  const { metrics, snapshot, view, revision, volumes, sessions, tenants, glass, settings, upstream, via, opened, catalogue, restricted } = base
  const { people, authenticate, holdTunnel } = base.people
  const underWay = new UnderWay()
  const limits = openLimits(config.proxy.limits, metrics, log, underWay)
  undo.push(() => limits.close())
  const recorders: Recorders = { metrics, log, people, ...records }
  const { pseudonyms } = records
  // Behind something that ends TLS, clients speak it too.
  const isSecure = config.proxy.tls !== null || config.proxy.publicUrl?.startsWith('https:') === true
  const offers = new Offers(config.proxy.publicUrl, config.proxy.tls !== null)
  const engineParts: EngineParts = {
    defect: (error) => log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a defect ended one request'),
    upstream, via, settings, view, sessions, volumes, underWay, people, authenticate, limits,
    classify: base.classify,
    tenants: tenants.finder,
    learn: tenants.learn,
    isStale: () => snapshot.state().stale,
    restrictions: base.restrictions,
    catalogue: opened,
    providers: catalogue,
    record: (exchange) => recordExchange(exchange, revision(), recorders),
    refusalText: { ...config.refusal, logo: readLogo(config.refusal.logo) },
    offers,
    hold: (request) => glass.hold(request),
    unexplainedLimit: config.intercept.unexplainedBody,
    isShared: (host) => config.upstream.share === 'all' && opened.find(host)?.role === 'storage',
    checkDestination: (head) => checkPort(head.authority.port),
  }
  const passage = new Passage(engineParts)
  const pipeline = new Pipeline(engineParts, passage)
  undo.push(() => pipeline.close())
  const conductor = config.proxy.engine === 'relay' ? new Conductor(engineParts, passage) : null
  undo.push(() => conductor?.close())
  const relay = conductor === null ? null : new Relay(conductor, limits.watch, (socket, tunnel) => front.serveHttp1(socket, tunnel))
  undo.push(() => relay?.close())
  const front = createFront({
    contexts: base.contexts, limits, relay,
    streams: conductor === null ? null : new StreamRelay(conductor),
    serve: (request, response, tunnel, expects) => {
      pipeline.serve(request, response, { peer: tunnel.peer, tunnel, scheme: 'https', expects })
    },
    upgrade: (request, socket, head, tunnel) => {
      pipeline.upgrade(request, socket, head, { peer: tunnel.peer, tunnel, scheme: 'https', expects: false })
    },
    secured: (leg, isResumed) => metrics.secured('client', leg.version, isResumed),
    handshakeFailed: (tunnel, error) => log.debug({ host: tunnel?.host, error: error.message }, 'a client did not finish the handshake'),
  })
  undo.push(() => front.close())

  const role = openedRole(config, opened)
  const connectParts: ConnectParts = {
    upstream, via, front, underWay, authenticate, holdTunnel, limits,
    reach: config.intercept.mode === 'none' ? null : {
      fronts: base.fronts, front: config.intercept.front, covers: (host) => base.authority().covers(host), view, people, sessions,
      volumes: base.tunnelVolumes,
    },
    intercepts: (host) => glass.isOn() ? null : role(host),
    isUnopened: (host) => role(host) !== null,
    hold: (socket) => glass.hold(socket),
    opaque: config.intercept.opaque,
    record: (tunnel, end) => recordTunnel(tunnel, end, revision(), recorders),
    opened: (kind) => metrics.tunnelOpened(kind),
  }
  const strangers = new Sparing(60_000)
  const tooMany = new Sparing(60_000)
  const unfinished = new Sparing(60_000)
  const listenerParts: ListenerParts = {
    clients: clientsOf(config.proxy),
    tls: readClientTls(config.proxy.tls),
    tickets: base.tickets,
    certified: config.proxy.auth === 'mtls',
    connect: (request, socket, head) => handleConnect(connectParts, request, socket, head),
    serve: (request, response, arrival) => pipeline.serve(request, response, arrival),
    upgrade: (request, socket, head, arrival) => pipeline.upgrade(request, socket, head, arrival),
    welcome: {
      authority: base.authority,
      pac: config.pac,
      patterns: [...catalogue.patterns, ...restricted.patterns, ...config.intercept.front === 'splice' ? [] : catalogue.fronts],
      publicUrl: config.proxy.publicUrl === null ? null : authorityOf(new URL(config.proxy.publicUrl)),
      secure: isSecure,
    },
    exceptions: new ExceptionServer({ offers, ask: askIn({ store: base.store, snapshot }), standing: standingIn(snapshot), log: base.storeLog }),
    handshakeFailed: (ip, error) => {
      const count = unfinished.note(performance.now())
      if (count > 0) log.warn({ client: pseudonyms?.ip(ip) ?? ip, count, error: error.message }, 'a client did not finish its handshake with the proxy; said once a minute at most')
    },
    limits,
    clientRefused: (ip, code) => {
      metrics.refused(code)
      const isStranger = code === 'client.not-allowed'
      const count = (isStranger ? strangers : tooMany).note(performance.now())
      if (count === 0) return
      log.warn({ client: pseudonyms?.ip(ip) ?? ip, code, count }, `${isStranger ? 'an address that proxy.clients does not name'
        : 'more connections than proxy.limits allows'}; said once a minute at most`)
    },
  }
  return {
    listenerParts, underWay, limits,
    closeIdle() {
      front.closeIdle()
      relay?.closeIdle()
    },
    cut() {
      pipeline.close()
      relay?.close()
      conductor?.close()
    },
  }
}

/** Where everybody says who he is, it need not be said where they come from. */
function clientsOf({ clients, auth }: Config['proxy']): readonly string[] {
  return clients.length === 0 && auth !== 'none' ? ['0.0.0.0/0', '::/0'] : clients
}
