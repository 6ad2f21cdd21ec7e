import type { Command } from 'commander'
import { SluiceError, nearest } from '../../policy/errors.ts'
import { ACCOUNTS } from '../../policy/providers/index.ts'
import type { Account, Tenant } from '../../policy/operation.ts'
import { readText } from '../read-text.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

/** 100,000 tenants with a name and a few aliases each have 10 to 20 MB. */
const LIST_MAX_MIB = 32

export function addTenants(program: Command, io: Io): void {
  const tenants = program.command('tenants').description('the sanctioned tenants, in the configured store')

  tenants.command('list').description('one a line: account, id, name, aliases, separated by tabs')
    .action(async (_: unknown, command: Command) => {
      const { tenants: all } = await withStore(await configOf(command, io), store => store.load())
      io.out(all.map(({ account, id, name, aliases }) => `${account}\t${id}\t${name ?? ''}\t${(aliases ?? []).join(',')}\n`).join(''))
    })

  tenants.command('add').description('sanctions a tenant, or changes its name and aliases; what is not given stays as it is')
    .argument('<account>', `account system: ${ACCOUNTS.join(', ')}`)
    .argument('<id>', 'the tenant: a SharePoint name, a directory id, a domain, a team id')
    .option('--name <text>', 'for people to read')
    .option('--no-name', 'takes the name away')
    .option('--alias <id...>', 'further ids of the same tenant, in place of those it has')
    .option('--no-alias', 'takes all aliases away')
    .action(async (account: string, id: string, flags: Details, command: Command) => {
      const place = { account: accountOf(account), id }
      const { normaliseTenant } = await import('../../policy/store/records.ts')
      const { changeTenants } = await import('../../policy/store/change-tenants.ts')
      const given = normaliseTenant({
        ...place,
        ...typeof flags.name === 'string' && { name: flags.name },
        ...Array.isArray(flags.alias) && { aliases: flags.alias },
      })
      const change = { ...given, ...flags.name === false && { name: flags.name }, ...flags.alias === false && { aliases: flags.alias } }
      const made = await withStore(await configOf(command, io), store => changeTenants(store, [change], byOf(io)))
      for (const { before, after } of made) io.out(told(before, after))
    })

  tenants.command('remove').description('takes a tenant off the list')
    .argument('<account>', `account system: ${ACCOUNTS.join(', ')}`)
    .argument('<id>', 'as sluice tenants list shows it')
    .action(async (account: string, id: string, _: unknown, command: Command) => {
      const from = accountOf(account)
      const found = await withStore(await configOf(command, io), store => store.deleteTenant(from, id.toLowerCase(), byOf(io)))
      if (!found) {
        throw new SluiceError('tenant.not-found', `${account} has no tenant ${JSON.stringify(id)} on the list`,
          'See sluice tenants list')
      }
      io.out(`${account} ${id.toLowerCase()} is removed\n`)
    })

  tenants.command('import').description('adds every tenant of a CSV file, or none when one is wrong; an empty cell changes nothing')
    .argument('<file>', 'columns: account,id,name,aliases (aliases separated by ;); a header line is optional')
    .action(async (file: string, _: unknown, command: Command) => {
      const { tenantsOfCsv } = await import('../../policy/store/tenant-list.ts')
      const { changeTenants } = await import('../../policy/store/change-tenants.ts')
      const rows = await tenantsOfCsv(readText(file, 'the tenant list', LIST_MAX_MIB), file)
      await withStore(await configOf(command, io), store => changeTenants(store, rows, byOf(io)))
      io.out(`${rows.length} ${rows.length === 1 ? 'tenant' : 'tenants'} imported\n`)
    })
}

/** As commander gives them: false for `--no-name`, undefined for what was not said. */
interface Details {
  readonly name?: string | false | undefined
  readonly alias?: readonly string[] | false | undefined
}

/** `microsoft contoso is sanctioned now: name "Contoso", aliases contoso.com (before: no aliases)`. */
function told(before: Tenant | undefined, after: Tenant): string {
  const start = `${after.account} ${after.id} is sanctioned`
  const now = `${nameOf(after)}, ${aliasesOf(after)}`
  if (before === undefined) return `${start} now: ${now}\n`
  const changed = [nameOf, aliasesOf].filter(part => part(before) !== part(after)).map(part => part(before))
  return changed.length === 0
    ? `${start} already, and nothing has changed: ${now}\n`
    : `${start} already; it has changed: ${now} (before: ${changed.join(', ')})\n`
}

function nameOf({ name }: Tenant): string {
  return name === undefined ? 'no name' : `name ${JSON.stringify(name)}`
}

function aliasesOf({ aliases = [] }: Tenant): string {
  return aliases.length === 0 ? 'no aliases' : `aliases ${aliases.join(' ')}`
}

/** Throws `usage` for what is none. */
function accountOf(text: string): Account {
  const account = ACCOUNTS.find(known => known === text)
  if (account !== undefined) return account
  const near = nearest(text, ACCOUNTS)
  throw new SluiceError('usage', `${JSON.stringify(text)} is not an account system`,
    near === undefined ? `Known are ${ACCOUNTS.join(', ')}` : `Did you mean ${near}?`)
}
