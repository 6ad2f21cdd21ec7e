/** What Sluice is to reach beside Squid, and how near it came. */
import type { Shares } from './profile-shares.ts'
import type { Against, Outcomes } from './table.ts'
import { costs, median, rates, ratios } from './table.ts'
import type { Outcome } from './load.ts'
import { MIB } from './content.ts'
import type { NamedWork, WorkId } from './works.ts'

export interface Measures {
  readonly works: readonly NamedWork[]
  readonly outcomes: Outcomes
  readonly shares: readonly Shares[]
}

interface Goal {
  readonly what: string
  readonly limit: number
  readonly isAtLeast?: true
  /** A value a round; empty where it was not measured. */
  readonly values: (of: Look) => readonly number[]
}

/** Finds what was measured. */
interface Look {
  readonly sluice: (id: WorkId) => readonly Outcome[]
  readonly squid: (id: WorkId) => readonly Outcome[]
  readonly tunnel: (id: WorkId) => readonly Outcome[]
  readonly shares: readonly Shares[]
}

const GOALS: readonly Goal[] = [
  { what: 'CPU per 1,000 small requests, 16 at once, to Squid', limit: 0.6, values: of => ratios(costs(of.sluice('requests-16')), costs(of.squid('requests-16'))) },
  { what: 'CPU per 1,000 new tunnels, to Squid', limit: 0.75, values: of => ratios(costs(of.sluice('tunnels')), costs(of.squid('tunnels'))) },
  { what: 'first contact, hosts a second, to Squid', limit: 1.5, isAtLeast: true, values: of => ratios(rates(of.sluice('contact')), rates(of.squid('contact'))) },
  { what: 'a bystander\'s worst wait meanwhile, to Squid', limit: 0.5, values: of => ratios(waits(of.sluice('contact')), waits(of.squid('contact'))) },
  { what: 'CPU per GiB uploaded, one stream, to Squid', limit: 1, values: of => ratios(costs(of.sluice('upload-1')), costs(of.squid('upload-1'))) },
  { what: 'CPU per GiB uploaded, eight streams, to Squid', limit: 0.85, values: of => ratios(costs(of.sluice('upload-8')), costs(of.squid('upload-8'))) },
  { what: 'rate of one upload, to Squid', limit: 1, isAtLeast: true, values: of => ratios(rates(of.sluice('upload-1')), rates(of.squid('upload-1'))) },
  { what: 'rate of eight uploads, to Squid', limit: 1, isAtLeast: true, values: of => ratios(rates(of.sluice('upload-8')), rates(of.squid('upload-8'))) },
  { what: 'stages of a small request, to the relay\'s own cost', limit: 0.4, values: of => of.shares.map(({ stages, engine }) => stages / engine) },
  { what: 'CPU per 1,000 requests by HTTP/2, 100 streams, to HTTP/1.1, 64 at once', limit: 1.5, values: of => ratios(costs(of.sluice('http2')), costs(of.sluice('requests-64'))) },
  { what: 'CPU per GiB in a tunnel that is not opened, to a plain tunnel', limit: 1.3, values: of => ratios(costs(of.sluice('spliced')), costs(of.tunnel('spliced'))) },
  { what: 'peak memory, eight uploads, MiB', limit: 150, values: of => of.sluice('upload-8').map(({ peakBytes }) => peakBytes / MIB) },
]

/** `sluice`: the proxy that the targets are for. Rows for what was measured alone. */
export function targets({ works, outcomes, shares }: Measures, sluice: string, { squid, tunnel }: Against): string {
  const look = (peer: string) => (id: WorkId): readonly Outcome[] => {
    const name = works.find(work => work.id === id)?.name ?? ''
    return outcomes.get(name)?.get(peer) ?? []
  }
  const of: Look = { sluice: look(sluice), squid: look(squid), tunnel: look(tunnel), shares }
  const rows = GOALS.flatMap(({ what, limit, isAtLeast, values }) => {
    const found = values(of)
    if (found.length === 0) return []
    const value = median(found)
    const isMet = isAtLeast === true ? value >= limit : value <= limit
    return [`| ${what} | ${isAtLeast === true ? '≥' : '≤'} ${limit} | ${value.toFixed(value >= 10 ? 0 : 2)} | ${isMet ? 'met' : 'not met'} |`]
  })
  return rows.length === 0 ? '' : ['| target | limit | measured | |', '| --- | ---: | ---: | --- |', ...rows, ''].join('\n')
}

function waits(outcomes: readonly Outcome[]): number[] {
  return outcomes.map(({ worstBystander }) => worstBystander ?? 0)
}
