/** The one place where the parts are joined; `open-base`, `open-data-path` and their like construct them. */
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { TicketKeys } from '../certs/ticket-keys.ts'
import { fingerprint } from '../certs/trust.ts'
import { consoleFiles } from '../dashboards/console/files.ts'
import { tokenSource } from '../policy/admin/tokens.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { Usage } from '../policy/usage.ts'
import { readiness, startAdmin } from './admin-server.ts'
import { DEMONSTRATION, composeAnnouncement } from './announce.ts'
import type { Started } from './announce.ts'
import { carryAlone } from './carrier.ts'
import { certificateExpiries } from './certificate-expiries.ts'
import type { Config } from './config.ts'
import { eventsPort, simulatePort } from './events-port.ts'
import { explain } from './explain.ts'
import { configuredTokens, makeFirstToken } from './first-token.ts'
import type { Logger } from './log.ts'
import { openBase } from './open-base.ts'
import type { Together, Undo } from './open-base.ts'
import { openEvents } from './open-events.ts'
import { openOidc } from './open-oidc.ts'
import { openPseudonyms } from './open-pseudonyms.ts'
import { createGetJson } from './own-fetch.ts'
import { Simulator } from './simulate.ts'
import type { Judgement } from './stages/judge.ts'
import { makePseudonym } from './via.ts'
import { carryTogether } from './workers/carry-together.ts'
import { workerCount } from './workers/share.ts'

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
  const undo: Undo = []
  try {
    return await start(config, log, undo)
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
}

async function start(config: Config, log: Logger, undo: Undo): Promise<Running> {
  const count = workerCount(config.proxy)
  const together: Together | null = count === 1 ? null
    : { tickets: new TicketKeys().share(), pseudonym: makePseudonym(), leaves: null, sent: () => undefined }
  const base = await openBase(config, log, undo, together)
  const { metrics, store, storeLog, snapshot, view, revision, opened, tenants, people, settings, classify, restrictions, glass } = base
  const given = configuredTokens(config.admin.token, new Date())
  const { events, pseudonyms, path: eventFile, history, close: closeEvents } = await openEvents(config, log, storeLog)
  undo.push(closeEvents)
  metrics.eventSinks(() => events.states())
  const usage = new Usage()
  metrics.blockedUploads(() => usage.mostBlocked)
  let expiries = certificateExpiries(config, base.authority())
  metrics.certificates(() => expiries)
  const keepers = { events, usage, pseudonyms }
  const carrier = together === null ? await carryAlone(config, log, base, keepers, undo)
    : await carryTogether(config, log, count, together.pseudonym, base, keepers, undo)

  const explainParts = {
    view, restrictions, people: people.people, catalogue: opened, settings, classify, unexplainedLimit: config.intercept.unexplainedBody,
    lookUp: (judgement: Judgement) => tenants.finder.lookUp(judgement),
  }
  const simulator = new Simulator()
  undo.push(() => simulator.close())
  /** What is known to decide wherever traffic is carried. */
  let carried = snapshot.current()
  const admin = await startAdmin(config, log, {
    store,
    snapshot: {
      ...snapshot,
      async refresh() {
        await snapshot.refresh()
        const current = snapshot.current()
        if (current !== carried) await carrier.refresh()
        carried = current
      },
    },
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
    metrics: (accept) => carrier.metrics(accept),
    ready: () => readiness(snapshot, people.health(), glass.lasting(), carrier.isShedding()),
    console: consoleFiles(),
    version: packageJson.version,
    log: storeLog,
  }, () => openOidc(config.admin.oidc, () => createGetJson(base.wayOut), storeLog))
  undo.push(() => admin.close())
  carrier.addOwn(admin.healthAddress === null ? [admin.address] : [admin.address, admin.healthAddress])
  // Last, so that a start that fails cannot have made a token that nobody was shown.
  const letsIn = (config.admin.oidc?.roles.admin.length ?? 0) > 0
  const newToken = given.length === 0 && !letsIn && store.health().up ? await makeFirstToken(store, new Date()) : null
  const demonstrated = await explain(explainParts, { ...DEMONSTRATION, headers: { 'user-agent': 'curl' } })
  let closing: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    // What is cut is recorded as well, before the events are closed.
    await carrier.stop()
    for (const step of undo.reverse()) await step()
  }
  const caFile = join(config.certs.dir, 'ca.crt')
  const proxyAddress = carrier.addresses[0] ?? ''
  return {
    addresses: { proxy: carrier.addresses, admin: admin.address, health: admin.healthAddress },
    announcement: composeAnnouncement({
      proxy: `${config.proxy.tls === null ? 'http' : 'https'}://${proxyAddress}`, admin: `${config.admin.tls === null ? 'http' : 'https'}://${admin.address}`, caFile, fingerprint: fingerprint(base.authority().trustPem),
      token: tokenState(newToken, given.length > 0 ? 'configured' : letsIn ? 'issuer' : store.health().up ? 'stored' : 'unreachable'), revision: revision(), store: store.kind,
      demonstrates: demonstrated.decision.action === 'block',
    }),
    newToken,
    caFile,
    snapshot,
    async reload() {
      // Whatever else fails, what was rotated away must not be written on; nothing decides by it.
      events.reopen()
      await base.reload(() => {
        const renew = carrier.renew()
        return () => {
          admin.reload()
          renew()
        }
      })
      expiries = certificateExpiries(config, base.authority())
      await carrier.reload()
      log.info({ revision: revision(), ca: base.authority().fingerprint256 }, 'reloaded; changes of the configuration need a restart')
    },
    close() {
      closing ??= stop()
      return closing
    },
  }
}

function tokenState(made: string | null, otherwise: Exclude<Started['token']['is'], 'made'>): Started['token'] {
  return made === null ? { is: otherwise } : { is: 'made', secret: made }
}
