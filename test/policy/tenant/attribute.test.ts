import t from 'tap'
import type { Account, Operation, Tenant } from '../../../policy/operation.ts'
import type { WrittenPlace } from '../../../policy/providers/provider.ts'
import type { KnownSession } from '../../../policy/sessions.ts'
import type { BindingRecord } from '../../../policy/store/binding-record.ts'
import { indexTenants } from '../../../policy/tenant/allowlist.ts'
import type { TenantIndex } from '../../../policy/tenant/allowlist.ts'
import { attribute } from '../../../policy/tenant/attribute.ts'
import { claimedTenant } from '../../../policy/tenant/claims.ts'
import { readCredential } from '../../../policy/tenant/credential.ts'
import type { Question } from '../../../policy/tenant/question.ts'
import { makeHead } from '../providers/recording.ts'

const TID = '11111111-2222-3333-4444-555555555555'
const FOREIGN = '99999999-2222-3333-4444-555555555555'
const LITWARE = 'aaaaaaaa-2222-3333-4444-555555555555'
const CONSUMER = '9188040d-6c67-4c5b-b112-36a304b66dad'
const CONTOSO: Tenant = { account: 'microsoft', id: 'contoso', aliases: [TID, 'ContosoEUR'], name: 'Contoso' }

const index = indexTenants([
  CONTOSO, { account: 'microsoft', id: 'litware', aliases: [LITWARE] }, { account: 'google', id: 'contoso.example' },
  { account: 'dropbox', id: 'dbtid:contoso' },
])
const nameOnly = indexTenants([{ account: 'microsoft', id: 'contoso' }])
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
  readonly query?: string
  readonly tenants?: TenantIndex
  readonly signature?: Question['signature']
  readonly binding?: Partial<BindingRecord>
  readonly place?: WrittenPlace
  readonly owners?: readonly (Partial<BindingRecord> | undefined)[]
  readonly step?: Operation['step']
  /** Null: nothing is known of it. */
  readonly session?: Partial<KnownSession> | null
  readonly restricted?: boolean
}

const bound = (account: Account, one: Partial<BindingRecord> | undefined): BindingRecord | undefined =>
  one === undefined ? undefined : { account, tenants: [], mayAllow: true, how: 'learned', at: 1, ...one }

function asked(a: Asked) {
  const { account = 'microsoft', hint, host = 'graph.microsoft.com', authorization, query = '', tenants = index, session } = a
  const operation: Operation = {
    provider: 'onedrive', activity: 'upload', step: a.step ?? 'single', size: { bytes: 1, is: 'exact' },
    ...(hint === undefined ? {} : { tenantHint: hint }), ...(session === undefined ? {} : { session: 's' }),
  }
  const headers: [string, string][] = authorization === undefined ? [] : [['authorization', authorization]]
  const credential = readCredential(makeHead({ method: 'PUT', host, path: '/', query, headers }))
  return attribute({
    account, operation, host, index: tenants, credential,
    credentialDigest: credential.is === 'one' ? `digest of ${credential.token}` : undefined,
    claimed: credential.is === 'one' ? claimedTenant(account, credential.token) : undefined,
    signature: a.signature, binding: bound(account, a.binding), place: a.place ?? null,
    placeBindings: (a.owners ?? []).map(one => bound(account, one)),
    session: session == null ? undefined : { bytes: 0, sent: 0, startedAt: 1, updatedAt: 1, ...session },
    isRestrictedByClient: a.restricted ?? false,
  })
}

const own: WrittenPlace = { is: 'own' }
const named: WrittenPlace = { is: 'named', ids: ['b!1'] }
const contoso = { id: 'contoso', standing: 'sanctioned', trust: 'sure' }

t.test('the place written to decides', async t => {
  const host = 'contoso-my.sharepoint.com'
  t.strictSame(asked({ hint: 'contoso', host }), {
    account: 'microsoft', id: 'contoso', standing: 'sanctioned', how: 'place', reasons: ['tenant-from-place'],
    tenantIds: ['contoso', TID, 'contosoeur'], trust: 'sure',
  })
  t.match(asked({ hint: 'contosoeur', host: 'contosoeur.sharepoint.com' }), contoso, 'an alias is its tenant')
  t.strictSame(asked({ hint: 'fabrikam', host: 'fabrikam.sharepoint.com' }), {
    account: 'microsoft', id: 'fabrikam', standing: 'unsanctioned', how: 'place', reasons: ['tenant-from-place'],
    tenantIds: ['fabrikam'], trust: 'sure',
  })
  t.match(asked({ hint: 'fabrikam', host: 'fabrikam.sharepoint.com', authorization: token({ tid: TID }) }),
    { id: 'fabrikam', standing: 'unsanctioned' }, 'a credential does not allow')
  t.match(asked({ hint: 'fabrikam', authorization: token({ tid: TID }), binding: { tenants: [TID] }, signature: 'valid' }),
    { standing: 'unsanctioned' }, 'whatever is known of it')
  t.match(asked({ hint: 'contoso', authorization: token({ tid: TID }) }), contoso)
})

t.test('a consumer account is nobody\'s tenant', async t => {
  t.match(asked({ hint: 'personal', host: 'd.docs.live.net' }), { id: 'personal', standing: 'unsanctioned', how: 'place' })
  for (const authorization of [token({ tid: CONSUMER }), 'Bearer EwBopaque']) {
    t.match(asked({ authorization }), { id: 'personal', standing: 'unsanctioned', how: 'credential' }, authorization)
  }
  const listed = indexTenants([{ account: 'microsoft', id: 'personal' }])
  t.match(asked({ hint: 'personal', host: 'd.docs.live.net', tenants: listed }), { standing: 'sanctioned' })
})

t.test('an unverified credential may deny, never allow', async t => {
  t.match(asked({ authorization: token({ tid: FOREIGN }), place: own }),
    { id: FOREIGN, standing: 'unsanctioned', how: 'credential', reasons: ['tenant-from-credential'] })
  t.match(asked({ authorization: token({ tid: TID.toUpperCase() }), place: own }), {
    id: TID, standing: 'unknown', how: 'credential', trust: 'claimed', reasons: ['tenant-from-credential', 'credential-not-verified'],
  })
  t.match(asked({ account: 'google', authorization: token({ hd: 'evil.example' }) }), { id: 'evil.example', standing: 'unsanctioned' })
  t.match(asked({ account: 'google', authorization: token({ hd: 'contoso.example' }) }), { standing: 'unknown' })
  t.match(asked({ authorization: token({ upn: 'fay@evil.example' }) }), { id: 'evil.example', standing: 'unsanctioned' })
})

t.test('a verified signature, or an answer of the provider, lets a credential allow where it writes to its own account', async t => {
  const authorization = token({ tid: TID })
  t.match(asked({ authorization, place: own, signature: 'valid' }),
    { ...contoso, how: 'credential', reasons: ['tenant-from-credential', 'credential-verified'] })
  t.match(asked({ authorization, place: own, binding: { tenants: [TID, 'contoso.com'] } }), { ...contoso, how: 'learned', reasons: ['tenant-learned'] })
  t.match(asked({ authorization: 'Bearer opaque', binding: { tenants: [TID], how: 'asked' } }), { ...contoso, how: 'asked', reasons: ['tenant-asked'] })
  t.match(asked({ authorization: 'Bearer opaque', binding: { tenants: [TID], mayAllow: false } }),
    { standing: 'unknown', how: 'learned', reasons: ['tenant-learned', 'credential-not-verified'] }, 'an answer that anybody could have')
  t.match(asked({ authorization: 'Bearer opaque', binding: { tenants: ['evil.example'], mayAllow: false } }),
    { standing: 'unsanctioned', how: 'learned' }, 'may deny')
  t.match(asked({ authorization, binding: { tenants: ['evil.example'], mayAllow: false } }), { standing: 'unsanctioned' }, 'the one that denies counts')
})

t.test('a drive, folder or namespace that no answer told of is foreign, whoever\'s credential is used', async t => {
  const authorization = token({ tid: TID })
  const foreign = { id: null, standing: 'unknown', how: 'none', reasons: ['foreign-place'], trust: 'foreign' }
  for (const more of [{}, { authorization }, { authorization, signature: 'valid' }, { authorization, binding: { tenants: [TID] } }] as const) {
    t.match(asked({ place: named, owners: [undefined], ...more }), foreign)
    t.match(asked({ place: { is: 'unseen' }, ...more }), foreign, 'nor one that could not be looked for')
  }
  t.match(asked({ place: named, owners: [{ tenants: ['contoso'] }] }), { ...contoso, how: 'learned', reasons: ['tenant-learned'] })
  t.match(asked({ place: named, owners: [{ tenants: ['fabrikam'] }], authorization, binding: { tenants: [TID] } }),
    { id: 'fabrikam', standing: 'unsanctioned', how: 'learned' }, 'the owner of the place counts')
  t.match(asked({ place: named, owners: [{ tenants: ['contoso'], mayAllow: false }] }), { standing: 'unknown' })
  const two: WrittenPlace = { is: 'named', ids: ['b!1', 'b!2'] }
  t.match(asked({ place: two, owners: [{ tenants: ['contoso'] }, { tenants: ['contoso'] }] }), contoso)
  t.match(asked({ place: two, owners: [{ tenants: ['contoso'] }, undefined] }), foreign)
  t.match(asked({ place: two, owners: [{ tenants: ['contoso'] }, { tenants: ['fabrikam'] }] }), foreign)
  t.match(asked({ place: named, owners: [undefined], authorization: token({ tid: FOREIGN }) }),
    { id: FOREIGN, standing: 'unsanctioned', reasons: ['foreign-place', 'tenant-from-credential'] }, 'a foreign credential still tells')
})

t.test('a tenant that a wildcard covers is known by its own name too', async t => {
  const tenants = indexTenants([{ account: 'google', id: '*.contoso.example' }])
  t.match(asked({ account: 'google', authorization: 'Bearer A', binding: { tenants: ['eu.contoso.example'] }, tenants }),
    { standing: 'sanctioned', tenantIds: ['*.contoso.example', 'eu.contoso.example'] })
})

t.test('a drive or folder may be listed by its own id', async t => {
  const tenants = indexTenants([{ account: 'google', id: 'contoso.example', aliases: ['0afakedrive'] }])
  const place: WrittenPlace = { is: 'named', ids: ['0AFAKEdrive'] }
  t.match(asked({ account: 'google', place, owners: [undefined], tenants }), { id: 'contoso.example', standing: 'sanctioned', how: 'place' })
  const two: WrittenPlace = { is: 'named', ids: ['0AFAKEdrive', 'folder'] }
  const learned = { account: 'google', place: two, owners: [undefined, { tenants: ['contoso.example'] }], tenants } as const
  t.match(asked({ ...learned, authorization: 'Bearer A', binding: { tenants: ['contoso.example'] } }), { standing: 'sanctioned', how: 'learned' })
  t.match(asked(learned), { standing: 'unknown', how: 'learned' }, 'what is put into a folder of Google\'s is its maker\'s')
  t.match(asked({ account: 'google', place: two, owners: [undefined, undefined], tenants }), { standing: 'unknown', reasons: ['foreign-place'] })
})

t.test('attempts to pass as sanctioned are unsanctioned, with the reason', async t => {
  const attempt = (reason: string) => ({ standing: 'unsanctioned', trust: 'denied', reasons: [reason] })
  const authorization = token({ tid: TID })
  const sure = { authorization, binding: { tenants: [TID] } }
  const host = 'contoso-my.sharepoint.com'
  t.match(asked(sure), contoso)
  t.match(asked({ ...sure, query: 'access_token=another' }), attempt('several-credentials'))
  t.match(asked({ ...sure, authorization: `${authorization}, Bearer another` }), attempt('several-credentials'))
  t.match(asked({ ...sure, signature: 'forged' }), attempt('credential-forged'))
  t.match(asked({ ...sure, restricted: true }), attempt('client-restriction'))
  t.match(asked({ hint: 'contoso', host, authorization: token({ tid: FOREIGN }) }), { ...attempt('credential-elsewhere'), id: FOREIGN, how: 'credential' })
  t.match(asked({ hint: 'contoso', host, authorization: token({ tid: LITWARE }) }), attempt('credential-elsewhere'), 'also where both are listed')
  t.match(asked({ hint: 'contoso', host, authorization: token({ tid: CONSUMER }), tenants: nameOnly }), attempt('credential-elsewhere'))
  t.match(asked({ hint: 'contoso', host, authorization: token({ tid: FOREIGN }), tenants: nameOnly }), contoso,
    'a directory id that nobody has listed may be the tenant\'s own: the host is where the bytes go')
  t.match(asked({ place: named, owners: [{ tenants: ['contoso'] }], authorization: token({ tid: FOREIGN }) }), attempt('credential-elsewhere'))
  t.match(asked({ ...sure, hint: 'contoso', host, query: 'access_token=another' }), attempt('several-credentials'), 'whatever the host says')
  t.strictSame(asked({ ...sure, query: 'access_token=another' }).tenantIds, [TID], 'which counts against it only: its trust is denied')
})

t.test('what tells nothing leaves the tenant unknown', async t => {
  const unknown = { account: 'microsoft', id: null, standing: 'unknown', how: 'none', reasons: [], tenantIds: [], trust: undefined }
  const part = Buffer.from(`{"tid":"${FOREIGN}","tid":"${TID}"}`).toString('base64url')
  for (const [why, authorization] of [
    ['opaque', 'Bearer opaque'], ['no claims', token({})], ['not text', token({ tid: 7 })], ['no GUID', token({ tid: 'contoso' })],
    ['a list', token([])], ['null', token(null)], ['not base64url', 'Bearer a.!!!.c'], ['not JSON', 'Bearer YQ.YQ.YQ'], ['basic', 'Basic YTpi'],
    ['two values', `Bearer a.${part}.c`], ['too long', token({ tid: FOREIGN, pad: 'x'.repeat(20_000) })], ['no domain', token({ upn: 'fay@' })],
    ['a guest\'s name', token({ upn: 'fay_evil.example#EXT#@contoso.onmicrosoft.com' })],
    ['a signature of another scheme', 'AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=bearer'],
  ] as const) t.strictSame(asked({ authorization }), unknown, why)
  t.strictSame(asked({ account: 'dropbox', authorization: token({ tid: FOREIGN }) }), { ...unknown, account: 'dropbox' }, 'a directory id is Microsoft\'s')
})

t.test('without an allowlist for the account nothing is foreign', async t => {
  t.match(asked({ hint: 'fabrikam', tenants: none }), { id: 'fabrikam', standing: 'unknown', how: 'place', reasons: ['tenant-from-place', 'no-allowlist'] })
  t.match(asked({ authorization: token({ tid: FOREIGN }), tenants: none }), { id: FOREIGN, standing: 'unknown', how: 'credential' })
  t.match(asked({ tenants: none }), { id: null, standing: 'unknown', how: 'none', reasons: ['no-allowlist'] })
  t.match(asked({ place: named, owners: [undefined], tenants: none }), { standing: 'unknown', reasons: ['foreign-place', 'no-allowlist'] })
  t.match(asked({ authorization: token({ tid: FOREIGN }), signature: 'forged', tenants: none }),
    { standing: 'unknown', reasons: ['credential-forged', 'no-allowlist'] })
  t.match(asked({ account: 'box', tenants: index }), { standing: 'unknown', reasons: ['no-allowlist'] }, 'an allowlist of another account is none')
})

t.test('a part goes where its session went', async t => {
  const part = (session: Partial<KnownSession> | null, more: Partial<Asked> = {}) => asked({ account: 'dropbox', step: 'chunk', place: own, session, ...more })
  const start = { tenantId: 'dbtid:contoso', tenantIs: 'sure', credential: 'digest of A' } as const
  const learned = { authorization: 'Bearer A', binding: { tenants: ['dbtid:contoso'] } }
  const sanctioned = { id: 'dbtid:contoso', standing: 'sanctioned', how: 'session', reasons: ['tenant-from-session'] }
  t.match(part(start, { authorization: 'Bearer A' }), sanctioned)
  t.match(part(start), sanctioned, 'the address of a session stands for the credential')
  t.match(part({ ...start, tenantId: 'dbtid:evil' }), { id: 'dbtid:evil', standing: 'unsanctioned', how: 'session' })
  t.match(part({ ...start, tenantIs: 'claimed' }), { standing: 'unknown', reasons: ['tenant-from-session', 'credential-not-verified'] })
  t.match(part({ credential: 'digest of A', tenantIs: 'foreign' }, learned),
    { standing: 'unknown', reasons: ['tenant-from-session', 'foreign-place'] }, 'a foreign place stays one')
  t.match(part({ ...start, tenantIs: 'denied' }), { standing: 'unsanctioned', trust: 'denied' })
  t.match(part({ credential: 'digest of A' }, learned), { standing: 'sanctioned', how: 'learned' }, 'what was learned since of the same credential counts')
  for (const session of [null, { startedAt: 0 }]) {
    t.match(part(session, learned), { id: null, standing: 'unknown', reasons: ['session-unknown'] }, 'a session that was not seen to start')
  }
  t.match(part(null, { ...learned, step: 'start' }), { standing: 'sanctioned' })
  const finish = { step: 'finish', place: { is: 'named', ids: ['ns:9'] }, authorization: 'Bearer A' } as const
  t.match(part(start, { ...finish, owners: [undefined] }), { standing: 'unknown', reasons: ['foreign-place'] }, 'a finish says where it commits to')
})

t.test('a session that another credential continues is unsanctioned', async t => {
  const other = { standing: 'unsanctioned', trust: 'denied', reasons: ['session-other-credential'] }
  const part = (session: Partial<KnownSession>, more: Partial<Asked>) => asked({ account: 'dropbox', step: 'chunk', place: own, session, ...more })
  const start = { tenantId: 'dbtid:contoso', tenantIs: 'sure', credential: 'digest of A' } as const
  t.match(part(start, { authorization: 'Bearer B' }), other)
  t.match(part(start, { authorization: 'Bearer B', binding: { tenants: ['dbtid:evil'] } }), { ...other, id: 'dbtid:evil' })
  t.match(part({ credential: 'digest of A' }, { authorization: 'Bearer B' }), other, 'also where neither is known')
  t.match(part({}, { authorization: 'Bearer B' }), other, 'or the start showed none')
  t.match(part(start, { authorization: 'Bearer B', binding: { tenants: ['dbtid:contoso'] } }), { standing: 'sanctioned', how: 'session' },
    'a token that was renewed is the same tenant\'s')
  t.match(part(start, { authorization: 'Bearer B', binding: { tenants: ['dbtid:contoso'], mayAllow: false } }), other, 'which must be certain')
  t.match(asked({ hint: 'contoso', host: 'contoso-my.sharepoint.com', step: 'chunk', session: start, authorization: 'Bearer B' }), contoso,
    'the host says where the bytes go')
})
