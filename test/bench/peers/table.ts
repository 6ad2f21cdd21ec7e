/** The results as one Markdown table: what each proxy took of the machine for a unit of work, and how that compares. */
import type { Outcome } from './load.ts'
import { MIB } from './content.ts'
import type { NamedWork } from './works.ts'

/** By work, then by peer: an outcome a round. */
export type Outcomes = ReadonlyMap<string, ReadonlyMap<string, readonly Outcome[]>>

/** Whom the columns of ratios compare with. */
export interface Against {
  readonly squid: string
  readonly tunnel: string
}

/** How many of a unit its processor time is told for, and its rate's name. */
const UNITS: Readonly<Record<NamedWork['unit'], { readonly many: number; readonly per: string; readonly rate: string }>> = {
  request: { many: 1_000, per: '1,000 requests', rate: 'requests/s' },
  tunnel: { many: 1_000, per: '1,000 tunnels', rate: 'tunnels/s' },
  host: { many: 1_000, per: '1,000 hosts', rate: 'hosts/s' },
  GiB: { many: 1024 * MIB, per: 'GiB', rate: 'MiB/s' },
}

/** Works in the order given, of each the proxies in the order of the outcomes; a proxy that did not do a work has no row there. */
export function table(works: readonly NamedWork[], outcomes: Outcomes, against: Against): string {
  const lines = [
    '| work | proxy | CPU-s | least–most | to Squid | to tunnel | rate | least–most | to Squid | p50 ms | p99 ms | peak MiB | notes |',
    '| --- | --- | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | --- |',
  ]
  for (const { name, unit } of works) {
    const { many, per, rate } = UNITS[unit]
    const byPeer = outcomes.get(name) ?? new Map<string, readonly Outcome[]>()
    const [squid, tunnel] = [byPeer.get(against.squid) ?? [], byPeer.get(against.tunnel) ?? []]
    let title = `${name}; CPU-s per ${per}, ${rate}`
    for (const [peer, rounds] of byPeer) {
      if (rounds.length === 0) continue
      const cost = costs(rounds).map(each => each * many)
      const speed = rates(rounds).map(each => each / (unit === 'GiB' ? MIB : 1))
      lines.push(`| ${[
        title, peer, figure(median(cost)), range(cost), ratio(costs(rounds), costs(squid)), ratio(costs(rounds), costs(tunnel)),
        figure(median(speed)), range(speed), ratio(rates(rounds), rates(squid)),
        ...[0.5, 0.99].map(part => rounds[0]?.waits.length === 0 ? '' : figure(median(rounds.map(({ waits }) => quantile(waits, part))))),
        (Math.max(...rounds.map(({ peakBytes }) => peakBytes)) / MIB).toFixed(0), notes(unit, rounds, squid),
      ].join(' | ')} |`)
      title = ''
    }
  }
  return `${lines.join('\n')}\n`
}

function notes(unit: NamedWork['unit'], rounds: readonly Outcome[], squid: readonly Outcome[]): string {
  const waits = (of: readonly Outcome[]): number[] => of.map(({ worstBystander }) => worstBystander).filter(wait => wait !== null)
  const resumed = median(rounds.map(round => round.resumed))
  return [
    ...waits(rounds).length > 0 ? [`a bystander waited ${figure(median(waits(rounds)))} ms (${range(waits(rounds))}), ${ratio(waits(rounds), waits(squid))} × Squid's`] : [],
    ...unit === 'tunnel' ? [`${(resumed * 100).toFixed(0)} % resumed`] : [],
  ].join('; ')
}

/** Seconds of processor time for one request, tunnel, host or byte, a round. */
export function costs(rounds: readonly Outcome[]): number[] {
  return rounds.map(({ cpuSeconds, count }) => cpuSeconds / count)
}

/** Requests, tunnels, hosts or bytes a second, a round. */
export function rates(rounds: readonly Outcome[]): number[] {
  return rounds.map(({ seconds, count }) => count / seconds)
}

/** Round by round, since those of one round met the same machine. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.flatMap((value, round) => to[round] === undefined || to[round] === 0 ? [] : [value / to[round]])
}

/** Their median; empty where there is nothing to compare with. */
export function ratio(of: readonly number[], to: readonly number[]): string {
  const found = ratios(of, to)
  return found.length === 0 ? '' : median(found).toFixed(2)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
}

/** Of ascending values. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

function range(values: readonly number[]): string {
  return `${figure(Math.min(...values))}–${figure(Math.max(...values))}`
}

/** Three digits that count. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3)
}
