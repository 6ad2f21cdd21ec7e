/** The results as a dated file: when, on what, by which command, the table, and how to read it. */
import { cpus, totalmem } from 'node:os'
import type { Shares } from './profile-shares.ts'
import type { Results } from './rounds.ts'
import { median, table } from './table.ts'
import type { Against } from './table.ts'
import { targets } from './targets.ts'
import type { NamedWork } from './works.ts'

export interface Run {
  readonly began: Date
  readonly command: string
  readonly rounds: number
  readonly works: readonly NamedWork[]
  readonly results: Results
}

/** `sluice`: whom the targets are for. */
export function report({ began, command, rounds, works, results }: Run, sluice: string, against: Against): string {
  const { outcomes, starts, shares, faults } = results
  const gib = Math.round(totalmem() / 2 ** 30)
  return [
    `# ${began.toISOString().slice(0, 10)}: Sluice and others\n`,
    `\`${command}\`, begun at ${began.toISOString().slice(11, 16)} UTC; Node ${process.versions.node}, ${process.platform} ${process.arch}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${gib} GiB.`,
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, all proxies in turn for each work. CPU-s: user and system time of the proxy and all that it starts. Medians, and the least and the most of all rounds;`,
    'ratios are medians of the ratios of each round. Peak: `VmHWM` of all its processes, the most of all rounds.\n',
    targets({ works, outcomes, shares }, sluice, against),
    table(works, outcomes, against),
    ...starts.length === 0 ? [] : [`Sluice, from its start to the answer to its first request, with an existing authority: ${median(starts).toFixed(2)} s (${Math.min(...starts).toFixed(2)}–${Math.max(...starts).toFixed(2)}).\n`],
    ...shares.length === 0 ? [] : [`${stages(shares)}\n`],
    ...faults.length === 0 ? [] : [`Wrong, and not in the table:\n`, ...faults.map(fault => `- ${fault}`), ''],
  ].join('\n')
}

function stages(shares: readonly Shares[]): string {
  const ratios = shares.map(({ stages, engine }) => stages / engine)
  const collector = median(shares.map(({ stages, engine, collector }) => collector / (stages + engine + collector)))
  return 'By a profile of the relay at small requests, 16 at once: policy, recognition, tenant (what answers teach included), metrics and events together take ' +
    `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) of what the engine takes; the collector is ${(collector * 100).toFixed(0)} % of all.`
}
