/** Constructs what decisions and their records stand on: the policy, who people are, the ways to origins, certificates. */
import { openAuthority } from '../certs/authority.ts'
import type { Authority } from '../certs/authority.ts'
import { ContextCache } from '../certs/context-cache.ts'
import type { LeafSource } from '../certs/leaf-cache.ts'
import { TicketKeys } from '../certs/ticket-keys.ts'
import type { TicketSecret } from '../certs/ticket-keys.ts'
import { createMetrics } from '../dashboards/metrics.ts'
import { classify } from '../policy/client-class.ts'
import { unrestrictedHosts } from '../policy/restriction-notes.ts'
import { hostsToOpen } from '../policy/restrictions.ts'
import { Sessions } from '../policy/sessions.ts'
import { steadyNow } from '../policy/steady-clock.ts'
import type { Log as StoreLog } from '../policy/store/log.ts'
import { Volumes } from '../policy/volumes.ts'
import type { VolumeNews } from '../policy/volumes.ts'
import { BreakGlassWatch } from './break-glass.ts'
import type { Config } from './config.ts'
import { REFUSAL_CODES } from './errors.ts'
import { Fronts } from './fronts.ts'
import { domainsOfFronts, openedCatalogue, requireAuthority } from './intercepts.ts'
import { loadCatalogue } from './load-catalogue.ts'
import type { Logger } from './log.ts'
import { noUsageWatch } from './no-usage.ts'
import { openPolicy } from './open-policy.ts'
import { openTenants } from './open-tenants.ts'
import { OwnAddresses } from './own-addresses.ts'
import { openPeople } from './people/open-people.ts'
import { followAllowlist } from './restrict-headers.ts'
import type { JudgeSettings } from './stages/judge.ts'
import { tlsLegOf } from './tls-leg.ts'
import { createUpstream } from './upstream.ts'
import { createVia } from './via.ts'
import { wayOutOf } from './way-out.ts'

/** Steps that close what is open, in the order in which it was opened. */
export type Undo = Array<() => void | Promise<void>>

export type Base = Awaited<ReturnType<typeof openBase>>

/** What the processes that are one Sluice have in common. */
export interface Together {
  readonly tickets: TicketSecret
  /** By which they know what one of them has forwarded. */
  readonly pseudonym: string
  /** Null where leaves are made for the others. */
  readonly leaves: LeafSource | null
  /** Told of what a body brings that counts for `volume`. */
  readonly sent: (of: VolumeKind, key: string, news: VolumeNews) => void
}

/** What is counted for `volume`: bodies of requests, or what passes to servers shared with storage. */
export type VolumeKind = 'bodies' | 'tunnels'

/** `together`: null where this process is all of Sluice. Rejects with a `SluiceError` or `CertificateError`; what is open then is in `undo`. */
export async function openBase(config: Config, log: Logger, undo: Undo, together: Together | null = null) {
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

  const tickets = new TicketKeys(together === null ? {} : { shared: together.tickets })
  const contexts = new ContextCache({ authority, tickets, source: together?.leaves ?? undefined })
  const via = createVia(together?.pseudonym)
  const own = new OwnAddresses()
  const fronts = new Fronts(catalogue)
  const wayOut = { ...wayOutOf(config.upstream), via, own }
  const upstream = createUpstream({
    ...wayOut,
    located: (host, addresses) => fronts.note(host, addresses),
    secured: (_, socket) => metrics.secured('origin', tlsLegOf(socket).version, socket.isSessionReused()),
    believed: noUsageWatch(log),
  })
  undo.push(() => upstream.close())
  const shared = store.kind === 'redis' || together !== null
  const sessions = new Sessions({ store, shared, log: storeLog })
  undo.push(() => sessions.close())
  const failed = (error: unknown): void => log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a recogniser failed')
  const tenants = await openTenants(config, store, shared, upstream, storeLog, failed)
  undo.push(() => tenants.bindings.close())
  const people = await openPeople(config, storeLog)
  undo.push(() => people.close())
  const view = () => snapshot.current()
  const volumes = new Volumes(undefined, (key, news) => together?.sent('bodies', key, news))
  // Of their own: tunnels to what shares servers with storage are many, and must not push out what people have uploaded.
  const tunnelVolumes = new Volumes(undefined, (key, news) => together?.sent('tunnels', key, news))
  const settings: JudgeSettings = {
    onError: config.intercept.onError,
    now: Date.now,
    steady: steadyNow,
    session: (key) => sessions.get(key),
    knowledge: tenants.knowledge,
    volumes,
    failed,
  }
  const glass = new BreakGlassWatch({ stored: () => snapshot.current().controls.breakGlass, warn: (detail, message) => log.warn(detail, message) })
  lookAtGlass = () => glass.look()
  undo.push(() => glass.close())

  metrics.storeUp(() => snapshot.state().storeUp)
  metrics.policyRevision(() => snapshot.current().revision)
  metrics.policyFaulty(() => snapshot.state().fault !== undefined)
  metrics.policyAge(() => snapshot.state().ageSeconds)
  const { file, ldap } = people.health()
  if (file !== undefined) metrics.peopleFileUp(() => people.health().file !== false)
  if (ldap !== undefined) metrics.ldapUp(() => people.health().ldap !== false)
  metrics.breakGlass(() => glass.isOn())
  metrics.sessionStoreFailures(() => sessions.failures)
  metrics.bindingStoreFailures(() => tenants.bindings.failures)

  return {
    catalogue, opened, restricted, metrics, store, storeLog, snapshot, view, tickets, contexts, via, own, fronts, wayOut, upstream,
    sessions, tenants, people, volumes, tunnelVolumes, settings, glass, classify,
    restrictions: followAllowlist(config.tenants.restrict, () => view().allowlist),
    revision: () => view().revision,
    /** The authority in use. */
    authority: () => authority,
    /** Takes over renewed files and the store's latest policy. `more` reads what else there is, and answers the step that takes it over. */
    async reload(more: () => () => void): Promise<void> {
      // What may fail comes before what is replaced; the snapshot replaces itself only when it was read whole.
      const next = await open(false)
      const takeOver = more()
      await snapshot.refresh()
      upstream.reload()
      takeOver()
      people.reload()
      authority = next
      contexts.replaceAuthority(next)
    },
  }
}
