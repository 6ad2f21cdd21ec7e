/** Whose accounts and namespaces Dropbox' own answers say are whose. */
import t from 'tap'
import { catalogue } from '../../../policy/providers/index.ts'
import type { Case } from './cases.ts'
import { identifies, identify, NO_ANSWERS } from './identity-cases.ts'

const ACCOUNT: Case = { request: 'POST api.dropboxapi.com/2/users/get_current_account', headers: { authorization: 'Bearer FAKE' }, body: 'null' }
const TOKEN: Case = { request: 'POST api.dropboxapi.com/oauth2/token', body: 'grant_type=authorization_code' }
const TEAM: Case = { request: 'POST api.dropboxapi.com/2/team/get_info', body: 'null' }

const FAY = {
  account_id: 'dbid:FAKE-fay_1', name: { display_name: 'Fay' }, email: 'fay@contoso.example', email_verified: true,
  team: { id: 'dbtid:FAKEcontoso', name: 'Contoso' }, team_member_id: 'dbmid:FAKE', account_type: { '.tag': 'business' },
  root_info: { '.tag': 'user', root_namespace_id: '3235641', home_namespace_id: '3235642', home_path: '/Fay' },
}
const PAT = {
  account_id: 'dbid:FAKE-pat', email: 'pat@fabrikam.example', account_type: { '.tag': 'basic' },
  root_info: { '.tag': 'user', root_namespace_id: '77', home_namespace_id: '77' },
}

t.test('the account names its team, and its root and home namespaces', async t => {
  t.strictSame(identify(ACCOUNT, { body: FAY }), [
    { tenants: ['dbtid:fakecontoso'], person: 'dbid:FAKE-fay_1', places: ['ns:3235641', 'ns:3235642'], mayAllow: true },
  ])
  t.strictSame(identify(ACCOUNT, { body: PAT }), [
    { tenants: ['personal'], person: 'dbid:FAKE-pat', places: ['ns:77'], mayAllow: true },
  ])
})

t.test("a team's token tells its team, and no person, whichever member it selects", async t => {
  const selecting: Case = { ...ACCOUNT, headers: { ...ACCOUNT.headers, 'dropbox-api-select-user': 'dbmid:FAKE' } }
  t.strictSame(identify(selecting, { body: FAY }), [{ tenants: ['dbtid:fakecontoso'], places: ['ns:3235641', 'ns:3235642'], mayAllow: true }])
  t.strictSame(identify(TEAM, { body: { name: 'Contoso', team_id: 'dbtid:FAKEcontoso' } }), [{ tenants: ['dbtid:fakecontoso'], mayAllow: true }])
})

t.test('an account is personal only where nothing speaks of a team', async t => {
  t.strictSame(identify(ACCOUNT, { body: { ...PAT, team: null } })[0]?.tenants, ['personal'])
  t.strictSame(identify(ACCOUNT, { body: { ...PAT, account_type: { '.tag': 'business' } } }), [], 'a business account whose team is not told')
  t.strictSame(identify(ACCOUNT, { body: { ...PAT, account_type: undefined } }), [])
  for (const team of [{}, { id: 7 }, { id: 'contoso' }, 'dbtid:FAKE', []]) t.strictSame(identify(ACCOUNT, { body: { ...PAT, team } }), [])
})

t.test('a token answer binds what it gives out to the account, and to the team where it says one', async t => {
  const answer = { access_token: 'sl.FAKE', expires_in: 14400, token_type: 'bearer', account_id: 'dbid:FAKE-fay_1', uid: '1' }
  t.strictSame(identify(TOKEN, { body: answer }), [{ issued: [{ token: 'sl.FAKE', seconds: 14400 }], person: 'dbid:FAKE-fay_1', mayAllow: true }])
  t.strictSame(identify(TOKEN, { body: { access_token: 'sl.FAKE', token_type: 'bearer', team_id: 'dbtid:FAKEcontoso' }, type: 'text/javascript' }), [
    { issued: [{ token: 'sl.FAKE', seconds: 14400 }], tenants: ['dbtid:fakecontoso'], mayAllow: true },
  ])
  t.strictSame(identify(TOKEN, { body: { access_token: 'sl.FAKE', expires_in: 14400 } }), [], 'a refreshed token says nothing')
  for (const token of [undefined, '', 7, 'a b', 'x'.repeat(20_000), 'a\u0000b']) t.strictSame(identify(TOKEN, { body: { ...answer, access_token: token } }), [])
  for (const expires_in of ['x', -1, 0, 1.5, null, 1e400, {}]) {
    t.equal(identify(TOKEN, { body: { ...answer, expires_in } })[0]?.issued?.[0]?.seconds, 14400, JSON.stringify(expires_in))
  }
})

t.test('only the very calls are looked at', async t => {
  const others: readonly Case[] = [
    { request: 'POST content.dropboxapi.com/2/users/get_current_account', body: 'null' },
    { request: 'POST www.dropbox.com/2/users/get_current_account', body: 'null' },
    { request: 'GET api.dropboxapi.com/2/users/get_current_account' },
    // Another credential than the header's would be answered for.
    { request: 'POST api.dropboxapi.com/2/users/get_current_account?authorization=Bearer%20FAKE-other', body: 'null' },
    { request: 'POST api.dropboxapi.com/2/users/get_current_account', headers: { 'x-http-method-override': 'GET' }, body: 'null' },
    { request: 'POST api.dropboxapi.com/2/users/get_current_account;x=1', body: 'null' },
    { request: 'POST api.dropboxapi.com/2/x/%2e%2e/users/get_current_account', body: 'null' },
    { request: 'POST api.dropboxapi.com//2/users/get_current_account', body: 'null' },
    { request: 'POST api.dropboxapi.com/2/users/get_account', body: '{"account_id":"dbid:FAKE"}' },
    { request: 'POST content.dropboxapi.com/2/files/download' },
    { request: 'POST api.dropboxapi.com/2/files/get_metadata', body: '{}' },
  ]
  for (const one of others) t.equal(identifies(one), false, one.request)
})

t.test('an answer of another form, type or status teaches nothing', async t => {
  for (const one of [ACCOUNT, TOKEN, TEAM]) {
    for (const body of NO_ANSWERS) t.strictSame(identify(one, { body }), [])
    for (const status of [202, 204, 206, 301, 400, 401]) t.strictSame(identify(one, { body: FAY, status }), [], String(status))
    for (const type of ['', 'application/octet-stream', 'text/plain', 'application/jsonx']) t.strictSame(identify(one, { body: FAY, type }), [], type)
  }
  const twice = '{"account_id":"dbid:FAKE","team":{"id":"dbtid:A"},"team":{"id":"dbtid:B"},"team_id":"dbtid:A","Team_Id":"dbtid:B"}'
  for (const one of [ACCOUNT, TEAM]) t.strictSame(identify(one, { body: twice }), [])
  const names = { ...FAY, root_info: { root_namespace_id: '../x', home_namespace_id: 7 } }
  t.equal(identify(ACCOUNT, { body: names })[0]?.places, undefined, 'a namespace of another form is none')
})

t.test('the question is one that its answer is read for', async t => {
  const question = catalogue.find('api.dropboxapi.com', '/')?.module.question
  t.strictSame(question, { method: 'POST', host: 'api.dropboxapi.com', path: '/2/users/get_current_account', body: 'null' })
})
