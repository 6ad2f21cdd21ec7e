import type { Command } from 'commander'
import { SluiceError, nearest } from '../../policy/errors.ts'
import { ACCOUNTS } from '../../policy/providers/index.ts'
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

  tenants.command('add').description('sanctions a tenant, or changes its name and aliases; what is not given stays as it is')
    .argument('<account>', `account system: ${ACCOUNTS.join(', ')}`)
    .argument('<id>', 'the tenant: a SharePoint name, a directory id, a domain, a team id')
    .option('--name <text>', 'for people to read')
    .option('--no-name', 'takes the name away')
    .option('--alias <id...>', 'further ids of the same tenant, in place of those it has')
    .option('--no-alias', 'takes all aliases away')
    .action(async (account: string, id: string, flags: Details, command: Command) => {
      const place = { account: accountOf(account), id: id.toLowerCase() }
      const { normaliseTenant } = await import('../../policy/store/records.ts')
      const { before, after } = await withStore(await configOf(command, io), async store => {
        const stored = sameIn((await store.load()).tenants, place)
        const tenant = normaliseTenant(merge(place, stored, flags))
        await store.putTenant(tenant)
        return { before: stored, after: tenant }
      })
      io.out(told(before, after))
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

  tenants.command('import').description('adds every tenant of a CSV file, or none when one is wrong; an empty cell changes nothing')
    .argument('<file>', 'columns: account,id,name,aliases (aliases separated by ;); a header line is optional')
    .action(async (file: string, _: unknown, command: Command) => {
      const { normaliseTenant } = await import('../../policy/store/records.ts')
      const rows = rowsOf(file, normaliseTenant)
      await withStore(await configOf(command, io), async store => {
        const known = [...(await store.load()).tenants]
        for (const { account, id, ...details } of rows) {
          const tenant = merge({ account, id }, sameIn(known, { account, id }), { name: details.name, alias: details.aliases })
          await store.putTenant(tenant)
          known.unshift(tenant)
        }
      })
      io.out(`${rows.length} ${rows.length === 1 ? 'tenant' : 'tenants'} imported\n`)
    })
}

/** As commander gives them: false for `--no-name`, undefined for what was not said. */
interface Details {
  readonly name?: string | false | undefined
  readonly alias?: readonly string[] | false | undefined
}

type Place = Pick<Tenant, 'account' | 'id'>

function sameIn(tenants: readonly Tenant[], { account, id }: Place): Tenant | undefined {
  return tenants.find(tenant => tenant.account === account && tenant.id === id)
}

/** What is given replaces what is stored, false takes it away, and the rest stays. */
function merge(place: Place, stored: Tenant | undefined, given: Details): Tenant {
  const name = given.name ?? stored?.name
  const aliases = given.alias ?? stored?.aliases
  return {
    ...place,
    ...typeof name === 'string' && { name },
    ...Array.isArray(aliases) && { aliases },
  }
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

/** The rows as tenants, each checked; an error names the line. */
function rowsOf(file: string, check: (tenant: Tenant) => Tenant): Tenant[] {
  const rows = parseCsv(readText(file, 'the tenant list'), file)
  return rows.filter((row, i) => i > 0 || row.cells[0] !== 'account').map(({ line, cells }) => {
    const [account = '', id = '', name = '', aliases = ''] = cells
    const place = `${file}, line ${line}`
    if (cells.length > 4) {
      throw new SluiceError('tenant.invalid', `${place} has more than the columns account, id, name and aliases`,
        'Separate aliases by ; and put a name with a comma in it into quotes')
    }
    return atLine(place, () => check({
      account: accountOf(account, place), id,
      ...name !== '' && { name },
      ...aliases !== '' && { aliases: aliases.split(';').map(alias => alias.trim()).filter(alias => alias !== '') },
    }))
  })
}

function atLine(place: string, read: () => Tenant): Tenant {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SluiceError) || error.message.includes(place)) throw error
    throw new SluiceError(error.code, `${place}: ${error.message}`, error.remedy, { cause: error })
  }
}

/** Throws `usage` for an argument, `tenant.invalid` for a cell at `place`. */
function accountOf(text: string, place?: string): Account {
  const account = ACCOUNTS.find(known => known === text)
  if (account !== undefined) return account
  const near = nearest(text, ACCOUNTS)
  throw new SluiceError(place === undefined ? 'usage' : 'tenant.invalid',
    `${place === undefined ? '' : `${place}: `}${JSON.stringify(text)} is not an account system`,
    near === undefined ? `Known are ${ACCOUNTS.join(', ')}` : `Did you mean ${near}?`)
}
