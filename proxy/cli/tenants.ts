import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { ACCOUNTS } from '../../policy/operation.ts'
import type { Account, Tenant } from '../../policy/operation.ts'
import { readText } from '../read-text.ts'
import { configOf, withStore } from './context.ts'
import type { Io } from './context.ts'
import { parseCsv } from './csv.ts'

export function addTenants(program: Command, io: Io): void {
  const tenants = program.command('tenants').description('the sanctioned tenants, in the configured store')

  tenants.command('list').description('one a line: account, id, name, aliases, separated by tabs')
    .action(async (_: unknown, command: Command) => {
      const { tenants: all } = await withStore(await configOf(command, io), store => store.load())
      io.out(all.map(({ account, id, name, aliases }) => `${account}\t${id}\t${name ?? ''}\t${(aliases ?? []).join(',')}\n`).join(''))
    })

  tenants.command('add').description('sanctions a tenant, or changes its name and aliases')
    .argument('<account>', `account system: ${ACCOUNTS.join(', ')}`)
    .argument('<id>', 'the tenant: a SharePoint name, a directory id, a domain, a team id')
    .option('--name <text>', 'for people to read')
    .option('--alias <id...>', 'further ids of the same tenant')
    .action(async (account: string, id: string, flags: { name?: string; alias?: string[] }, command: Command) => {
      const tenant: Tenant = {
        account: accountOf(account), id,
        ...flags.name !== undefined && { name: flags.name },
        ...flags.alias !== undefined && { aliases: flags.alias },
      }
      await withStore(await configOf(command, io), store => store.putTenant(tenant))
      io.out(`${account} ${id.toLowerCase()} is sanctioned\n`)
    })

  tenants.command('remove').description('takes a tenant off the list')
    .argument('<account>', `account system: ${ACCOUNTS.join(', ')}`)
    .argument('<id>', 'as sluice tenants list shows it')
    .action(async (account: string, id: string, _: unknown, command: Command) => {
      const from = accountOf(account)
      const found = await withStore(await configOf(command, io), store => store.deleteTenant(from, id.toLowerCase()))
      if (!found) {
        throw new SluiceError('tenant.not-found', `${account} has no tenant ${JSON.stringify(id)} on the list`,
          'See sluice tenants list')
      }
      io.out(`${account} ${id.toLowerCase()} is removed\n`)
    })

  tenants.command('import').description('adds every tenant of a CSV file, or none when one is wrong')
    .argument('<file>', 'columns: account,id,name,aliases (aliases separated by ;); a header line is optional')
    .action(async (file: string, _: unknown, command: Command) => {
      const { normaliseTenant } = await import('../../policy/store/records.ts')
      const all = rowsOf(file).map(tenant => normaliseTenant(tenant))
      await withStore(await configOf(command, io), async store => {
        for (const tenant of all) await store.putTenant(tenant)
      })
      io.out(`${all.length} tenants imported\n`)
    })
}

function rowsOf(file: string): Tenant[] {
  const rows = parseCsv(readText(file, 'the tenant list'), file)
  return rows.filter((row, i) => i > 0 || row.cells[0] !== 'account').map(({ line, cells }) => {
    const [account = '', id = '', name = '', aliases = ''] = cells
    return {
      account: accountOf(account, ` (${file}, line ${line})`), id,
      ...name !== '' && { name },
      ...aliases !== '' && { aliases: aliases.split(';').map(alias => alias.trim()).filter(alias => alias !== '') },
    }
  })
}

function accountOf(text: string, place = ''): Account {
  const account = ACCOUNTS.find(known => known === text)
  if (account !== undefined) return account
  throw new SluiceError('tenant.invalid', `${JSON.stringify(text)}${place} is not an account system`,
    `Known are ${ACCOUNTS.join(', ')}`)
}
