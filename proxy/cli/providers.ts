import type { Command } from 'commander'
import type { ListedEndpoint, ProviderModule } from '../../policy/providers/provider.ts'
import { configOf } from './context.ts'
import type { Io } from './context.ts'

export function addProviders(program: Command, io: Io): void {
  program.command('providers')
    .description('what is recognised: providers, their hosts and endpoints, those of intercept.catalogue included')
    .option('--json', 'one JSON document instead of tables')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const config = await configOf(command, io)
      const { loadCatalogue } = await import('../load-catalogue.ts')
      const { modules } = loadCatalogue(config.intercept.catalogue).catalogue
      io.out(flags.json === true ? `${JSON.stringify({ providers: modules.map(describe) }, null, 2)}\n` : modules.map(table).join('\n'))
    })
}

function describe({ id, account, hosts, domains, endpoints = [] }: ProviderModule) {
  return { id, account, hosts, domains, endpoints }
}

/** A heading, the hosts, and a line for each row. */
function table({ id, account, hosts, endpoints = [] }: ProviderModule): string {
  const names = hosts.map(({ pattern, role, paths }) =>
    pattern + (role === 'storage' ? '' : ` (${role})`) + (paths === undefined ? '' : ` (${paths.join(' ')})`))
  const lines = endpoints.map(cells)
  const widths = [0, 1, 2, 3].map(column => Math.min(60, Math.max(0, ...lines.map(line => line[column]?.length ?? 0))))
  const rows = lines.map(line => `  ${line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()}\n`)
  return `${id} (account ${account}), ${endpoints.length} endpoints\n` +
    `  hosts: ${names.length === 0 ? 'those that intercept.catalogue declares' : names.join(', ')}\n${rows.join('')}`
}

function cells({ methods, path, activity, step, source, unproven, hosts }: ListedEndpoint): readonly string[] {
  const where = hosts === undefined ? path : `${path} (${hosts.join(', ')})`
  return [methods.join(' '), where, activity, step, unproven ? `${source} [unproven]` : source]
}
