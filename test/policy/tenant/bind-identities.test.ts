import { createSecretKey, randomBytes } from 'node:crypto'
import t from 'tap'
import type { Identity } from '../../../policy/providers/provider.ts'
import { bindIdentities } from '../../../policy/tenant/bind-identities.ts'
import { Bindings } from '../../../policy/tenant/bindings.ts'

function world() {
  const bindings = new Bindings({ key: createSecretKey(randomBytes(32)) })
  let at = 1
  const digest = (kind: 'credential' | 'person' | 'place', id: string) => bindings.digest('dropbox', kind, id)
  return {
    bindings, digest,
    get: (kind: 'credential' | 'person' | 'place', id: string) => bindings.get(digest(kind, id)),
    tell: (token: string | null, ...identities: Identity[]) => bindIdentities(bindings, {
      account: 'dropbox', credential: token === null ? undefined : digest('credential', token), lifetimeMs: 3_600_000, how: 'learned', at: at++,
    }, identities),
  }
}

t.test('an answer binds the credential that asked, or the ones that it gives out', async t => {
  const { tell, get } = world()
  await tell('A', { tenants: ['dbtid:1'], mayAllow: true })
  t.match(get('credential', 'A'), { account: 'dropbox', tenants: ['dbtid:1'], mayAllow: true, how: 'learned' })
  await tell('client', { tenants: ['dbtid:2'], issued: [{ token: 'B', seconds: 10 }], mayAllow: true })
  t.match(get('credential', 'B'), { tenants: ['dbtid:2'] })
  t.equal(get('credential', 'client'), undefined, 'what a token endpoint gives out is not about who asked')
  await tell(null, { tenants: ['dbtid:3'], mayAllow: true })
  await tell('C', { mayAllow: true })
  t.equal(get('credential', 'C'), undefined)
})

t.test('what is learned of an account holds for its other credentials', async t => {
  const { tell, get, digest } = world()
  await tell(null, { person: 'dbid:fay', issued: [{ token: 'A', seconds: 10 }], mayAllow: true })
  t.match(get('credential', 'A'), { tenants: [], person: digest('person', 'dbid:fay') })
  await tell('B', { person: 'dbid:fay', tenants: ['dbtid:1'], mayAllow: true })
  t.match(get('person', 'dbid:fay'), { tenants: ['dbtid:1'] })
  await tell('A', { places: ['ns:1'], mayAllow: true })
  t.match(get('place', 'ns:1'), { tenants: ['dbtid:1'] }, 'a place of the credential\'s own is its tenant\'s')
})

t.test('a place is the tenant\'s that the answer names, or that owns the place it lies in', async t => {
  const { tell, get } = world()
  await tell('A', { tenants: ['dbtid:1'], mayAllow: true }, { places: ['root'], mayAllow: true })
  await tell('B', { within: 'root', places: ['folder'], mayAllow: true })
  t.match(get('place', 'folder'), { tenants: ['dbtid:1'] })
  t.equal(get('credential', 'B'), undefined, 'looking at a place says nothing of the credential')
  await tell('A', { within: 'foreign', places: ['sub'], mayAllow: true })
  t.equal(get('place', 'sub'), undefined, 'nor is it the credential\'s own')
  await tell('A', { tenants: ['dbtid:evil'], places: ['drive'], mayAllow: true })
  t.match(get('place', 'drive'), { tenants: ['dbtid:evil'] })
  await tell('D', { places: ['mine'], mayAllow: true })
  t.equal(get('place', 'mine'), undefined, 'of a credential that nothing is known of')
})

t.test('names of one tenant come together; what may only deny allows nothing', async t => {
  const { tell, get } = world()
  await tell('A', { tenants: ['tid'], mayAllow: true })
  await tell('A', { tenants: ['tid', 'contoso'], mayAllow: true })
  await tell('A', { tenants: ['tid'], mayAllow: true })
  t.strictSame(get('credential', 'A')?.tenants, ['tid', 'contoso'])
  await tell('A', { tenants: ['other'], mayAllow: true })
  t.strictSame(get('credential', 'A')?.tenants, ['other'], 'the newer counts')
  await tell('A', { tenants: ['evil.example'], mayAllow: false })
  t.match(get('credential', 'A'), { tenants: ['other'], mayAllow: true })
  await tell('B', { tenants: ['contoso.example'], mayAllow: false }, { places: ['root'], mayAllow: true })
  t.match(get('place', 'root'), { mayAllow: false }, 'nor do its places')
})
