/**
 * Tunnels that are not opened: passed on blind, and where they lead to cloud storage or to servers that it shares, refused,
 * opened after all (`intercept.front`), or counted and held to the rules for the activity `tunnel`.
 */
import type { Socket } from 'node:net'
import { clientOf } from '../policy/people/person.ts'
import type { ProviderModule } from '../policy/providers/provider.ts'
import { steadyNow } from '../policy/steady-clock.ts'
import { writeAlert } from './connect-answer.ts'
import { RefusedError } from './errors.ts'
import type { RefusalCode } from './errors.ts'
import type { Fronts } from './fronts.ts'
import type { HostPort } from './host-port.ts'
import type { OpenLimits } from './open-limits.ts'
import type { People } from './people/people.ts'
import { splice } from './splice.ts'
import type { Judgement, View } from './stages/judge.ts'
import { judgeTunnel } from './stages/judge-tunnel.ts'
import { Meter } from './stages/meter.ts'
import type { SessionCounts, VolumeCounts } from './stages/meter.ts'
import type { Tunnel, TunnelEnd } from './tunnel.ts'
import type { UnderWay } from './under-way.ts'
import type { Place, Upstream } from './upstream.ts'

/** What tells, and says what becomes of, tunnels that lead where cloud storage is. */
export interface ReachParts {
  readonly fronts: Fronts
  /** What happens to a name that shares a provider's servers (`intercept.front`). */
  readonly front: 'splice' | 'intercept' | 'block'
  /** Whether a certificate can be made for a host. */
  readonly covers: (host: string) => boolean
  readonly view: () => View
  readonly people: People
  readonly sessions: SessionCounts
  readonly volumes: VolumeCounts
}

export interface BlindParts {
  readonly upstream: Upstream
  readonly underWay: UnderWay
  readonly limits: Pick<OpenLimits, 'watch'>
  /** Null: it is not looked at, as nothing else is (`intercept.mode: none`). */
  readonly reach: ReachParts | null
  /** Takes a tunnel that passes because of break-glass alone; it is closed when that ends. */
  readonly hold: (socket: Socket) => void
  /** What happens to a tunnel that cannot be told: no SNI, hidden name, IP literal, not TLS. */
  readonly opaque: 'block' | 'splice' | 'log'
  /** Called once a tunnel that was used, when it has ended or is refused. */
  readonly record: (tunnel: Tunnel, end: TunnelEnd) => void
  readonly opened: (kind: 'intercepted' | 'spliced') => void
}

/** Records a refusal and has `tell` tell the client. */
export type Refuse = (code: RefusalCode, detail: string, tell: () => void, judgement?: Judgement) => void

/** What is passed on blind: what it is cannot be told (`opaque`), or it would be opened if it were not for break-glass (`unopened`). */
export interface Blind {
  readonly target: HostPort
  readonly opaque: boolean
  readonly unopened: boolean
  /** Opens the tunnel instead; null where that cannot be: it is no TLS for the host that CONNECT named. */
  readonly open: (() => void) | null
}

export function passBlind(parts: BlindParts, socket: Socket, tunnel: Tunnel, blind: Blind, refuse: Refuse): void {
  if (blind.unopened) parts.hold(socket)
  parts.underWay.begin()
  route(parts, socket, tunnel, blind, refuse).catch((error: unknown) => {
    const refused = error instanceof RefusedError ? error : new RefusedError('upstream.connect', String(error))
    refuse(refused.code, refused.detail, () => writeAlert(socket, 'access-denied'))
  }).finally(() => parts.underWay.end())
}

/** Resolves when the tunnel has ended, or somebody else has taken it. */
async function route(parts: BlindParts, socket: Socket, tunnel: Tunnel, blind: Blind, refuse: Refuse): Promise<void> {
  const { target, unopened } = blind
  const place = await parts.upstream.locate(target.host, target.port)
  const reach = unopened ? null : parts.reach?.fronts.find(target.host, place.addresses) ?? null
  if (socket.destroyed) return
  if (reach === null || parts.reach === null) return carry(parts, socket, tunnel, blind, place, null)
  const { front, covers } = parts.reach
  if (reach.is === 'front' && front !== 'splice') {
    if (front === 'intercept' && blind.open !== null && covers(target.host)) blind.open()
    else refuse('tunnel.front', `shares servers with ${reach.module.id}`, () => writeAlert(socket, 'access-denied'))
    return
  }
  const meter = new Meter(await judge(parts.reach, tunnel, reach.module), parts.reach.sessions, parts.reach.volumes)
  try {
    if (meter.judgement.verdict.decision.action !== 'block') await carry(parts, socket, tunnel, blind, place, meter)
    else refuse('policy.blocked', 'a tunnel that is not opened', () => writeAlert(socket, 'access-denied'), meter.judgement)
  } finally {
    meter.release()
  }
}

async function judge({ view, people }: ReachParts, { peer, host, at }: Tunnel, module: ProviderModule): Promise<Judgement> {
  if (view().policy.needs.group) await people.ask(peer.ip, peer.user)
  const client = clientOf(people.find(peer.ip, peer.user), { ip: peer.ip, userAgent: '', class: 'unknown' })
  return judgeTunnel(view(), module, host, client, at, steadyNow())
}

async function carry(parts: BlindParts, socket: Socket, tunnel: Tunnel, { opaque, unopened }: Blind, place: Place, meter: Meter | null): Promise<void> {
  const origin = await place.dial()
  // The client left before the origin was reached, and nothing was carried: no failure of anybody's.
  if (socket.destroyed) {
    origin.destroy()
    return
  }
  parts.opened('spliced')
  const kind = unopened ? 'spliced-break-glass' : opaque && parts.opaque === 'log' ? 'spliced-opaque' : 'spliced'
  let cut = false
  const take = meter === null ? null : (bytes: number): boolean => {
    try {
      cut ||= !meter.take(bytes)
    } catch {
      // What cannot be counted goes no further; thrown on, it would end the process.
      cut = true
    }
    return !cut
  }
  await new Promise<void>((resolve) => {
    splice(socket, origin, { watch: parts.limits.watch, startedAt: tunnel.startedAt, take }, ({ up, down }) => {
      const counted = meter === null ? {} : { judgement: meter.judgement, ...cut ? { cut } as const : {} }
      parts.record(tunnel, { kind, up: meter?.forwarded ?? up, down, ...counted })
      resolve()
    })
  })
}

/** Whether a name is refused before anything is said through the tunnel, where the client can read why. */
export function isRefusedByName({ reach }: Pick<BlindParts, 'reach'>, host: string): boolean {
  return reach?.front === 'block' && reach.fronts.find(host, [])?.is === 'front'
}
