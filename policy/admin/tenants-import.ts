import Type from 'typebox'
import { SluiceError, atPlace } from '../errors.ts'
import { mapInSlices } from '../slices.ts'
import { changeTenants } from '../store/change-tenants.ts'
import type { TenantChange } from '../store/change-tenants.ts'
import { normaliseTenant } from '../store/records.ts'
import { tenantsOfCsv } from '../store/tenant-list.ts'
import { byOf } from './actor.ts'
import { json } from './answers.ts'
import { catchUp } from './catch-up.ts'
import type { AdminApp, AdminPorts } from './ports.ts'
import { account, closed, details, id } from './tenants-routes.ts'
import { checker } from './validate.ts'

/** 100,000 tenants with a name and a few aliases each have 10 to 20 MB. */
const LIST_MAX_BYTES = 32 * 1024 * 1024

/** A body that was sent as CSV. */
class CsvText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const reads = ['application/json', 'text/csv']
const Entry = Type.Object({ account, id, ...details }, { ...closed, description: 'an object of account, id, name and aliases' })
const Imported = Type.Object({ imported: Type.Integer({ minimum: 0 }) }, closed)
const checkEntry = checker(Entry, 'the tenant')

/**
 * `POST /tenants/import`: a list of tenants as JSON (`[{account, id, name?, aliases?}]`) or CSV (`account,id,name,aliases`),
 * all or none, as one change. As with `sluice tenants import`, what an entry does not give stays as it is.
 */
export function tenantsImport(app: AdminApp, { store, snapshot, log }: AdminPorts): void {
  app.addContentTypeParser('text/csv', { parseAs: 'string', bodyLimit: LIST_MAX_BYTES },
    (_request, body, done) => done(null, new CsvText(String(body))))

  app.post('/tenants/import', {
    bodyLimit: LIST_MAX_BYTES,
    config: {
      role: 'editor', idempotent: true, reads, errors: ['tenant.invalid'],
      body: {
        'application/json': Type.Array(Entry),
        'text/csv': Type.String({ description: 'account,id,name,aliases; a header line is optional, aliases are separated by ;' }),
      },
    },
    schema: {
      operationId: 'importTenants', summary: 'Adds and changes many tenants, all or none', tags: ['tenants'],
      description: 'All or none, as one change. What an entry does not give stays as it is.',
      response: { 200: json(Imported, 'How many entries there were.') },
    },
  }, async (request) => {
    const { body } = request
    const changes = body instanceof CsvText ? await tenantsOfCsv(body.text, 'The body') : await tenantsOfJson(body)
    await changeTenants(store, changes, byOf(request))
    log('info', `${changes.length} tenants were imported by ${JSON.stringify(byOf(request).author)}`)
    await catchUp(snapshot, log)
    return { imported: changes.length }
  })
}

async function tenantsOfJson(body: unknown): Promise<TenantChange[]> {
  if (!Array.isArray(body)) {
    throw new SluiceError('admin.invalid', 'The body is not a list of tenants.',
      'Send [{"account": …, "id": …}, …], or CSV as text/csv.', { faults: [{ path: '', message: 'must be a list' }] })
  }
  const entries: readonly unknown[] = body
  return mapInSlices(entries, (entry, i) => {
    const [tenant, change] = atPlace(`Entry ${i}`, String(i), () => {
      const checked = checkEntry(entry)
      return [checked, normaliseTenant(checked)] as const
    })
    // An empty list takes the aliases away; a tenant as it is stored has none then.
    return tenant.aliases?.length === 0 ? { ...change, aliases: false } : change
  })
}
