/** The one place where the parts are constructed and joined. */
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { openAuthority } from '../certs/authority.ts'
import type { Authority } from '../certs/authority.ts'
import { ContextCache } from '../certs/context-cache.ts'
import { TicketKeys } from '../certs/ticket-keys.ts'
import { fingerprint } from '../certs/trust.ts'
import type { Events } from '../dashboards/events.ts'
import { createMetrics } from '../dashboards/metrics.ts'
import type { Metrics } from '../dashboards/metrics.ts'
import { tokenSource } from '../policy/admin/tokens.ts'
import { classify } from '../policy/client-class.ts'
import { Sessions } from '../policy/sessions.ts'
import { unrestrictedHosts } from '../policy/restriction-notes.ts'
import { hostsToOpen } from '../policy/restrictions.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import type { Log as StoreLog } from '../policy/store/log.ts'
import { Usage } from '../policy/usage.ts'
import { Sparing } from '../policy/sparing.ts'
import { steadyNow } from '../policy/steady-clock.ts'
import { Volumes } from '../policy/volumes.ts'
import { readiness, startAdmin } from './admin-server.ts'
import { DEMONSTRATION, composeAnnouncement } from './announce.ts'
import type { Started } from './announce.ts'
import type { Config } from './config.ts'
import { BreakGlassWatch } from './break-glass.ts'
import { readClientTls } from './client-tls.ts'
import { askIn, standingIn } from './coach/ask.ts'
import { ExceptionServer } from './coach/exception-server.ts'
import { Offers } from './coach/offers.ts'
import { handleConnect } from './connect.ts'
import type { ConnectParts } from './connect.ts'
import { checkPort } from './destination.ts'
import type { EngineParts } from './engine-parts.ts'
import { REFUSAL_CODES } from './errors.ts'
import { eventsPort, simulatePort } from './events-port.ts'
import { explain } from './explain.ts'
import { configuredTokens, makeFirstToken } from './first-token.ts'
import { createFront } from './front.ts'
import { Fronts } from './fronts.ts'
import { domainsOfFronts, openedCatalogue, openedRole, requireAuthority } from './intercepts.ts'
import { authorityOf, listen } from './listener.ts'
import { loadCatalogue } from './load-catalogue.ts'
import type { Logger } from './log.ts'
import { noUsageWatch } from './no-usage.ts'
import { openEvents } from './open-events.ts'
import { openLimits } from './open-limits.ts'
import { openOidc } from './open-oidc.ts'
import { openPolicy } from './open-policy.ts'
import { openPseudonyms } from './open-pseudonyms.ts'
import { openTenants } from './open-tenants.ts'
import { createGetJson } from './own-fetch.ts'
import { OwnAddresses } from './own-addresses.ts'
import { openPeople } from './people/open-people.ts'
import type { OpenPeople } from './people/open-people.ts'
import { Passage } from './passage.ts'
import { Pipeline } from './pipeline.ts'
import { recordExchange, recordTunnel } from './recorder.ts'
import { Relay } from './relay/relay.ts'
import { followAllowlist } from './restrict-headers.ts'
import { Simulator } from './simulate.ts'
import type { JudgeSettings, Judgement } from './stages/judge.ts'
import { tlsLegOf } from './tls-leg.ts'
import { UnderWay } from './under-way.ts'
import { createUpstream } from './upstream.ts'
import { createVia } from './via.ts'
import { wayOutOf } from './way-out.ts'

export interface Running {
  /** `host:port` of each listener. */
  readonly addresses: { readonly proxy: readonly string[]; readonly admin: string; readonly health: string | null }
  /** What a start prints; holds the first admin token when one was made. */
  readonly announcement: string
  readonly newToken: string | null
  readonly caFile: string
  readonly snapshot: Snapshot
  /** For SIGHUP: takes over a renewed CA and the store's latest policy, and reopens event files after a rotation. */
  reload(): Promise<void>
  /** Stops accepting, lets transfers finish up to `proxy.drain`, then closes everything. */
  close(): Promise<void>
}

/** Starts a proxy. Rejects with a `SluiceError` or `CertificateError`, and nothing is left open then. */
export async function startSluice(config: Config, log: Logger): Promise<Running> {
  const undo: Array<() => void | Promise<void>> = []
  try {
    return await start(config, log, undo)
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
}

async function start(config: Config, log: Logger, undo: Array<() => void | Promise<void>>): Promise<Running> {
  const { catalogue, domains } = loadCatalogue(config.intercept.catalogue)
  const opened = openedCatalogue(config, catalogue)
  const metrics = createMetrics({ refusalCodes: REFUSAL_CODES, providers: catalogue.providers })
  const restricted = hostsToOpen(config.tenants.restrict)
  for (const host of unrestrictedHosts(config.tenants.restrict, config.intercept.bypass, [...catalogue.patterns, ...restricted.patterns])) {
    log.warn({ host }, 'intercept.bypass keeps tenants.restrict from being applied to a host')
  }
  const open = async (make: boolean): Promise<Authority> => {
    const { dir, passphrase, constrain, domains: further } = config.certs
    const authority = await openAuthority({ make, dir, passphrase, constrain, domains: [...domains, ...restricted.domains, ...domainsOfFronts(config, catalogue), ...further] })
    requireAuthority(authority, config, catalogue)
    return authority
  }
  let authority = await open(true)
  const storeLog: StoreLog = (level, message) => log[level](message)
  let lookAtGlass = (): void => undefined
  const { store, snapshot } = await openPolicy(config, storeLog, () => lookAtGlass())
  undo.push(() => store.close(), () => snapshot.close())
  const given = configuredTokens(config.admin.token, new Date())

  const { events, pseudonyms, path: eventFile, history, close: closeEvents } = await openEvents(config, log, storeLog)
  undo.push(closeEvents)
  const tickets = new TicketKeys()
  const contexts = new ContextCache({ authority, tickets })
  const via = createVia()
  const own = new OwnAddresses()
  const fronts = new Fronts(catalogue)
  const wayOut = { ...wayOutOf(config.upstream), via, own }
  const noteUsage = noUsageWatch(log)
  const upstream = createUpstream({
    ...wayOut,
    located: (host, addresses) => fronts.note(host, addresses),
    secured: (host, socket) => {
      metrics.secured('origin', tlsLegOf(socket).version, socket.isSessionReused())
      noteUsage(host, socket)
    },
  })
  undo.push(() => upstream.close())
  const sessions = new Sessions({ store, shared: store.kind === 'redis', log: storeLog })
  undo.push(() => sessions.close())
  const failed = (error: unknown): void => log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a recogniser failed')
  const tenants = await openTenants(config, store, upstream, storeLog, failed)
  undo.push(() => tenants.bindings.close())
  const known = await openPeople(config, storeLog)
  const { people, authenticate, holdTunnel } = known
  undo.push(() => known.close())
  const usage = new Usage()
  const underWay = new UnderWay()
  const limits = openLimits(config.proxy.limits, metrics, log, underWay)
  undo.push(() => limits.close())
  const recorders = { metrics, events, usage, log, people, pseudonyms }
  const view = () => snapshot.current()
  const restrictions = followAllowlist(config.tenants.restrict, () => view().allowlist)
  const volumes = new Volumes()
  const settings: JudgeSettings = {
    onError: config.intercept.onError,
    now: Date.now,
    steady: steadyNow,
    session: (key) => sessions.get(key),
    knowledge: tenants.knowledge,
    volumes,
    failed,
  }
  const revision = () => snapshot.current().revision
  // Behind something that ends TLS, clients speak it too.
  const isSecure = config.proxy.tls !== null || config.proxy.publicUrl?.startsWith('https:') === true
  const offers = new Offers(config.proxy.publicUrl, config.proxy.tls !== null)
  const glass = new BreakGlassWatch({ stored: () => snapshot.current().controls.breakGlass, warn: (detail, message) => log.warn(detail, message) })
  lookAtGlass = () => glass.look()
  undo.push(() => glass.close())
  const engineParts: EngineParts = {
    defect: (error) => log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a defect ended one request'),
    upstream, via, settings, classify, view, sessions, volumes, underWay, people, authenticate, limits,
    tenants: tenants.finder,
    learn: tenants.learn,
    isStale: () => snapshot.state().stale,
    restrictions,
    catalogue: opened,
    providers: catalogue,
    record: (exchange) => recordExchange(exchange, revision(), recorders),
    refusalText: config.refusal,
    offers,
    hold: (request) => glass.hold(request),
    unexplainedLimit: config.intercept.unexplainedBody,
    isShared: (host) => config.upstream.share === 'all' && opened.find(host)?.role === 'storage',
    checkDestination: (head) => checkPort(head.authority.port),
  }
  const passage = new Passage(engineParts)
  const pipeline = new Pipeline(engineParts, passage)
  undo.push(() => pipeline.close())
  const relay = config.proxy.engine === 'relay' ? new Relay(engineParts, passage, limits.watch, (socket, tunnel) => front.serveHttp1(socket, tunnel)) : null
  undo.push(() => relay?.close())
  const front = createFront({
    contexts, limits, relay,
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
      fronts, front: config.intercept.front, covers: (host) => authority.covers(host), view, people, sessions,
      // Of their own: tunnels to what shares servers with storage are many, and must not push out what people have uploaded.
      volumes: new Volumes(),
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
  const listener = await listen(config.proxy.listen, {
    clients: clientsOf(config.proxy),
    tls: readClientTls(config.proxy.tls),
    tickets,
    certified: config.proxy.auth === 'mtls',
    connect: (request, socket, head) => handleConnect(connectParts, request, socket, head),
    serve: (request, response, arrival) => pipeline.serve(request, response, arrival),
    upgrade: (request, socket, head, arrival) => pipeline.upgrade(request, socket, head, arrival),
    welcome: {
      authority: () => authority,
      pac: config.pac,
      patterns: [...catalogue.patterns, ...restricted.patterns, ...config.intercept.front === 'splice' ? [] : catalogue.fronts],
      publicUrl: config.proxy.publicUrl === null ? null : authorityOf(new URL(config.proxy.publicUrl)),
      secure: isSecure,
    },
    exceptions: new ExceptionServer({ offers, ask: askIn({ store, snapshot }), standing: standingIn(snapshot), log: storeLog }),
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
  })
  limits.whenShort(() => {
    listener.closeIdle()
    front.closeIdle()
    relay?.closeIdle()
  })
  own.add(listener.addresses)
  undo.push(() => {
    listener.stop()
    listener.close()
  })

  wireGauges(metrics, contexts, snapshot, events, known)
  metrics.breakGlass(() => glass.isOn())
  metrics.sessionStoreFailures(() => sessions.failures)
  metrics.bindingStoreFailures(() => tenants.bindings.failures)
  const explainParts = {
    view, restrictions, people, catalogue: opened, settings, classify, unexplainedLimit: config.intercept.unexplainedBody,
    lookUp: (judgement: Judgement) => tenants.finder.lookUp(judgement),
  }
  const simulator = new Simulator()
  undo.push(() => simulator.close())
  const admin = await startAdmin(config, log, {
    store,
    snapshot,
    tokens: tokenSource(store, given, storeLog),
    refused: (code) => metrics.adminRefused(code),
    explain: (described) => explain(explainParts, described),
    simulate: simulatePort({
      simulator, events, pseudonyms, sink: eventFile, current: () => snapshot.current().source, late: config.policy.late,
    }),
    events: eventsPort({
      events, usage, pseudonyms, history, openPseudonyms: () => openPseudonyms(config, storeLog),
    }),
    usage: (by, hours) => usage.report(by, hours),
    metrics: () => metrics.text(),
    ready: () => readiness(snapshot, known.health(), glass.lasting(), limits.memory.isShedding),
    version: packageJson.version,
    log: storeLog,
  }, () => openOidc(config.admin.oidc, () => createGetJson(wayOut), storeLog))
  undo.push(() => admin.close())
  own.add(admin.healthAddress === null ? [admin.address] : [admin.address, admin.healthAddress])
  // Last, so that a start that fails cannot have made a token that nobody was shown.
  const letsIn = (config.admin.oidc?.roles.admin.length ?? 0) > 0
  const newToken = given.length === 0 && !letsIn && store.health().up ? await makeFirstToken(store, new Date()) : null
  const demonstrated = await explain(explainParts, { ...DEMONSTRATION, headers: { 'user-agent': 'curl' } })
  let closing: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    listener.stop()
    await Promise.race([underWay.stop(), delay(config.proxy.drain)])
    // What is cut is recorded as well, before the events are closed.
    listener.close()
    pipeline.close()
    relay?.close()
    await Promise.race([underWay.stop(), delay(CUT_MS)])
    for (const step of undo.reverse()) await step()
  }
  const caFile = join(config.certs.dir, 'ca.crt')
  const proxyAddress = listener.addresses[0] ?? ''
  return {
    addresses: { proxy: listener.addresses, admin: admin.address, health: admin.healthAddress },
    announcement: composeAnnouncement({
      proxy: `${config.proxy.tls === null ? 'http' : 'https'}://${proxyAddress}`, admin: `${config.admin.tls === null ? 'http' : 'https'}://${admin.address}`, caFile, fingerprint: fingerprint(authority.trustPem),
      token: tokenState(newToken, given.length > 0 ? 'configured' : letsIn ? 'issuer' : store.health().up ? 'stored' : 'unreachable'), revision: revision(), store: store.kind,
      demonstrates: demonstrated.decision.action === 'block',
    }),
    newToken,
    caFile,
    snapshot,
    async reload() {
      // Whatever else fails, what was rotated away must not be written on; nothing decides by it.
      events.reopen()
      // What may fail comes before what is replaced; the snapshot replaces itself only when it was read whole.
      const next = await open(false)
      const renewed = readClientTls(config.proxy.tls)
      await snapshot.refresh()
      upstream.reload()
      admin.reload()
      known.reload()
      if (renewed !== null) listener.renew(renewed)
      authority = next
      contexts.replaceAuthority(next)
      log.info({ revision: revision(), ca: authority.fingerprint256 }, 'reloaded; changes of the configuration need a restart')
    },
    close() {
      closing ??= stop()
      return closing
    },
  }
}

/** How long what is cut at the end of a drain may take to close. */
const CUT_MS = 1_000

function tokenState(made: string | null, otherwise: Exclude<Started['token']['is'], 'made'>): Started['token'] {
  return made === null ? { is: otherwise } : { is: 'made', secret: made }
}

function wireGauges(metrics: Metrics, contexts: ContextCache, snapshot: Snapshot, events: Events, known: OpenPeople): void {
  metrics.leafCache(() => contexts.stats)
  metrics.storeUp(() => snapshot.state().storeUp)
  metrics.policyRevision(() => snapshot.current().revision)
  metrics.policyAge(() => snapshot.state().ageSeconds)
  metrics.eventsDropped(() => events.dropped)
  const { file, ldap } = known.health()
  if (file !== undefined) metrics.peopleFileUp(() => known.health().file !== false)
  if (ldap !== undefined) metrics.ldapUp(() => known.health().ldap !== false)
}

/** Where everybody says who he is, it need not be said where they come from. */
function clientsOf({ clients, auth }: Config['proxy']): readonly string[] {
  return clients.length === 0 && auth !== 'none' ? ['0.0.0.0/0', '::/0'] : clients
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
