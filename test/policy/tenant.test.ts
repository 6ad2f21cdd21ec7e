import t from 'tap'
import type { Account, Operation, Tenant } from '../../policy/operation.ts'
import { attribute } from '../../policy/tenant.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import type { TenantIndex } from '../../policy/tenant/allowlist.ts'
import { makeHead } from './providers/recording.ts'

const TID = '11111111-2222-3333-4444-555555555555'
const FOREIGN = '99999999-2222-3333-4444-555555555555'
const CONSUMER = '9188040d-6c67-4c5b-b112-36a304b66dad'
const CONTOSO: Tenant = { account: 'microsoft', id: 'contoso', aliases: [TID, 'ContosoEUR'], name: 'Contoso' }

const index = indexTenants([CONTOSO])
const none = indexTenants([])

function token(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `Bearer ${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`
}

interface Asked {
  readonly account?: Account
  readonly hint?: string
  readonly host?: string
  readonly authorization?: string
  readonly tenants?: TenantIndex
  /** What the credential said that started the session. */
  readonly started?: string
}

function asked({ account = 'microsoft', hint, host = 'graph.microsoft.com', authorization, tenants = index, started }: Asked) {
  const operation: Operation = {
    provider: 'onedrive', activity: 'upload', step: 'single', size: { bytes: 1, is: 'exact' }, ...(hint === undefined ? {} : { tenantHint: hint }),
  }
  const head = makeHead({ method: 'PUT', host, path: '/', headers: authorization === undefined ? [] : [['authorization', authorization]] })
  return attribute(account, operation, head, tenants, started)
}

t.test('tenants are found by id and alias, in any case, within their account', async t => {
  t.equal(index.size, 1)
  t.equal(indexTenants([], 7).version, 7)
  for (const id of ['contoso', 'CONTOSO', 'contosoeur', TID.toUpperCase()]) t.equal(index.has('microsoft', id), CONTOSO, id)
  t.equal(index.has('google', 'contoso'), undefined)
  for (const id of ['', 'toString', '__proto__', 'Contoso ']) t.equal(index.has('microsoft', id), undefined, id)
  const other: Tenant = { account: 'microsoft', id: 'other', aliases: ['contoso'] }
  t.equal(indexTenants([CONTOSO, other]).has('microsoft', 'contoso'), CONTOSO, 'an id wins over an alias')
  t.equal(indexTenants([other, CONTOSO]).has('microsoft', 'contoso'), CONTOSO)
})

t.test('the place written to decides', async t => {
  const host = 'contoso-my.sharepoint.com'
  t.strictSame(asked({ hint: 'contoso', host }), {
    account: 'microsoft', id: 'contoso', standing: 'sanctioned', how: 'place', reasons: ['tenant-from-place'], tenantIds: ['contoso', TID, 'contosoeur'],
  })
  t.match(
    asked({ hint: 'contosoeur', host: 'contosoeur.sharepoint.com' }),
    { id: 'contoso', standing: 'sanctioned' },
    'an alias is its tenant',
  )
  t.strictSame(asked({ hint: 'fabrikam', host: 'fabrikam.sharepoint.com' }), {
    account: 'microsoft', id: 'fabrikam', standing: 'unsanctioned', how: 'place', reasons: ['tenant-from-place'], tenantIds: ['fabrikam'],
  })
  t.match(
    asked({ hint: 'fabrikam', host: 'fabrikam.sharepoint.com', authorization: token({ tid: TID }) }),
    { standing: 'unsanctioned' },
    'a credential does not allow',
  )
  t.match(
    asked({ hint: 'contoso', host, authorization: token({ tid: FOREIGN }) }),
    { standing: 'sanctioned' },
    'the bytes go to that host',
  )
})

t.test('a consumer account is nobody\'s tenant', async t => {
  t.match(asked({ hint: 'personal', host: 'd.docs.live.net' }), { id: 'personal', standing: 'unsanctioned', how: 'place' })
  t.match(
    asked({ authorization: token({ tid: CONSUMER }) }),
    { id: 'personal', standing: 'unsanctioned', how: 'credential' },
  )
  const listed = indexTenants([{ account: 'microsoft', id: 'personal' }])
  t.match(asked({ hint: 'personal', host: 'd.docs.live.net', tenants: listed }), { standing: 'sanctioned' })
})

t.test('an unverified credential may deny, never allow', async t => {
  t.match(
    asked({ authorization: token({ tid: FOREIGN }) }),
    { id: FOREIGN, standing: 'unsanctioned', how: 'credential', reasons: ['tenant-from-credential'] },
  )
  t.match(asked({ authorization: token({ tid: TID.toUpperCase() }) }), {
    id: TID, standing: 'unknown', how: 'credential', reasons: ['credential-not-verified'], tenantIds: ['contoso', TID, 'contosoeur'],
  })
  t.match(asked({ hint: 'contoso', authorization: token({ tid: FOREIGN }) }), { standing: 'unsanctioned', how: 'credential' },
    'a path on a shared host is the client\'s word')
  t.match(asked({ hint: 'contoso', authorization: token({ tid: TID }) }), { standing: 'sanctioned', how: 'place' })
})

t.test('what tells nothing leaves the tenant unknown', async t => {
  const unknown = { account: 'microsoft', id: null, standing: 'unknown', how: 'none', reasons: [], tenantIds: [] }
  const part = Buffer.from(`{"tid":"${FOREIGN}","tid":"${TID}"}`).toString('base64url')
  for (const [why, authorization] of [
    ['opaque', 'Bearer EwBopaque'], ['no claims', token({})], ['not text', token({ tid: 7 })], ['no GUID', token({ tid: 'contoso' })],
    ['a list', token([])], ['null', token(null)], ['not base64url', 'Bearer a.!!!.c'], ['not JSON', 'Bearer YQ.YQ.YQ'], ['basic', 'Basic YTpi'],
    ['two values', `Bearer a.${part}.c`], ['too long', token({ tid: FOREIGN, pad: 'x'.repeat(20_000) })],
    ['two headers', `${token({ tid: FOREIGN })}, Bearer x`],
  ] as const) t.strictSame(asked({ authorization }), unknown, why)
  t.strictSame(asked({ account: 'dropbox', authorization: token({ tid: FOREIGN }), tenants: indexTenants([{ account: 'dropbox', id: 'dbtid:1' }]) }),
    { ...unknown, account: 'dropbox' }, 'a directory id is Microsoft\'s')
})

t.test('without an allowlist for the account nothing is foreign', async t => {
  t.match(
    asked({ hint: 'fabrikam', tenants: none }),
    { id: 'fabrikam', standing: 'unknown', how: 'place', reasons: ['tenant-from-place', 'no-allowlist'] },
  )
  t.match(
    asked({ authorization: token({ tid: FOREIGN }), tenants: none }),
    { id: FOREIGN, standing: 'unknown', how: 'credential' },
  )
  t.match(asked({ tenants: none }), { id: null, standing: 'unknown', how: 'none', reasons: ['no-allowlist'] })
  t.match(
    asked({ account: 'google', tenants: index }),
    { standing: 'unknown', reasons: ['no-allowlist'] },
    'an allowlist of another account is none',
  )
})

t.test('an index of 20,000 tenants answers as fast as one of ten', async t => {
  const numbered = (i: number): Tenant => ({ account: 'google', id: `t${i}.example`, aliases: [`a${i}.example`] })
  const many = indexTenants(Array.from({ length: 20_000 }, (_, i) => numbered(i)))
  const started = process.cpuUsage()
  for (let i = 0; i < 20_000; i++) if (many.has('google', `a${i}.example`)?.id !== `t${i}.example`) t.fail(`a${i}`)
  t.ok(process.cpuUsage(started).user < 2e6)
})

t.test('a part without a credential has that of its session, to deny and never to allow', async t => {
  t.match(asked({ started: FOREIGN }), { id: FOREIGN, how: 'credential', standing: 'unsanctioned' })
  t.match(asked({ started: TID }), { id: TID, how: 'credential', standing: 'unknown', reasons: ['credential-not-verified'] })
  t.match(asked({ started: FOREIGN, authorization: token({ tid: TID }) }), { id: TID, standing: 'unknown' }, 'its own counts first')
  t.match(asked({ started: FOREIGN, hint: 'contoso', host: 'contoso-my.sharepoint.com' }), { standing: 'sanctioned', how: 'place' })
})
