import { SluiceError, atPlace, nearest } from '../errors.ts'
import type { Account, Tenant } from '../operation.ts'
import { ACCOUNTS } from '../providers/index.ts'
import { mapInSlices } from '../slices.ts'
import { parseCsv } from './csv.ts'
import { normaliseTenant } from './records.ts'

/**
 * The tenants of a CSV text, each checked: `account,id,name,aliases`, a header line optional, aliases separated by `;`. An empty
 * cell says nothing. Throws `tenant.invalid`, naming the line of `where`.
 */
export async function tenantsOfCsv(text: string, where: string): Promise<Tenant[]> {
  const rows = (await parseCsv(text, where)).filter((row, i) => i > 0 || row.cells[0] !== 'account')
  return mapInSlices(rows, ({ line, cells }) => atPlace(`${where}, line ${line}`, `line ${line}`, () => tenantOf(cells)))
}

function tenantOf(cells: readonly string[]): Tenant {
  if (cells.length > 4) {
    throw new SluiceError('tenant.invalid', 'there are more than the columns account, id, name and aliases',
      'Separate aliases by ; and put a name with a comma in it into quotes')
  }
  const [account = '', id = '', name = '', aliases = ''] = cells
  return normaliseTenant({
    account: accountOf(account), id,
    ...name !== '' && { name },
    ...aliases !== '' && { aliases: aliases.split(';').map((alias) => alias.trim()).filter((alias) => alias !== '') },
  })
}

function accountOf(text: string): Account {
  const account = ACCOUNTS.find((known) => known === text)
  if (account !== undefined) return account
  const near = nearest(text.slice(0, 64), ACCOUNTS)
  throw new SluiceError('tenant.invalid', `${JSON.stringify(text.slice(0, 64))} is not an account system`,
    near === undefined ? `Known are ${ACCOUNTS.join(', ')}` : `Did you mean ${near}?`)
}
