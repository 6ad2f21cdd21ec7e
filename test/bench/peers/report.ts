/** The results as a dated file: when, on what, by which command, the table, and how to read it. */
import { cpus, totalmem } from 'node:os'
import type { Results } from './rounds.ts'
import { median, table } from './table.ts'
import type { Against } from './table.ts'
import type { NamedWork } from './works.ts'

export interface Run {
  readonly began: Date
  readonly command: string
  readonly rounds: number
  readonly works: readonly NamedWork[]
  readonly results: Results
}

export function report({ began, command, rounds, works, results: { outcomes, starts, faults } }: Run, against: Against): string {
  const gib = Math.round(totalmem() / 2 ** 30)
  return [
    `# ${began.toISOString().slice(0, 10)}: Sluice and others\n`,
    `\`${command}\`, begun at ${began.toISOString().slice(11, 16)} UTC; Node ${process.versions.node}, ${process.platform} ${process.arch}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${gib} GiB.`,
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, all proxies in turn for each work. CPU-s: user and system time of the proxy and all that it starts. Medians, and the least and the most of all rounds;`,
    'ratios are medians of the ratios of each round. Peak: `VmHWM` of all its processes, the most of all rounds.\n',
    table(works, outcomes, against),
    ...starts.length === 0 ? [] : [`Sluice, from its start to the answer to its first request, with an existing authority: ${median(starts).toFixed(2)} s (${Math.min(...starts).toFixed(2)}–${Math.max(...starts).toFixed(2)}).\n`],
    ...faults.length === 0 ? [] : [`Wrong, and not in the table:\n`, ...faults.map(fault => `- ${fault}`), ''],
  ].join('\n')
}
