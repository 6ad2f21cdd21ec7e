/** Where requests to Graph write to. */
import t from 'tap'
import type { Case } from './cases.ts'
import { placeOf } from './identity-cases.ts'

const GUID = '33333333-aaaa-4bbb-8ccc-000000000001'

function at(path: string, method = 'PUT', body?: unknown): Case {
  const request = `${method} graph.microsoft.com${path}`
  return body === undefined ? { request, length: 4 } : { request, headers: { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

function batch(...requests: readonly unknown[]): Case {
  return at('/v1.0/$batch', 'POST', { requests: requests.map((one, i) => ({ id: String(i), method: 'PUT', ...(one as object) })) })
}

t.test('the drive that an address names', async t => {
  const cases: readonly (readonly [Case, string])[] = [
    [at('/v1.0/me/drive/root:/d/a.txt:/content'), 'own'],
    [at('/beta/me/drive/items/01FAKE/content'), 'own'],
    [at('/v1.0/me/drive/root:/sn%C3%B6%20(1);v=2.txt:/content'), 'own'],
    [at('/v1.0/me/drive/special/approot:/a.txt:/createUploadSession', 'POST'), 'own'],
    [at('/v1.0/me/drive/items/01FAKE/children/a.txt/content'), 'own'],
    [at('/v1.0/me/drive/items/01FAKE:/a.txt:/microsoft.graph.createUploadSession', 'POST'), 'own'],
    [at('/v1.0/me/drive/items/01FAKE/workbook/worksheets/x/cell(row=1,column=2)', 'PATCH'), 'own'],
    [at('/v1.0/me/drive/root:/a.txt', 'PATCH', { name: 'b.txt' }), 'own'],
    [at('/v1.0/drive/root:/a.txt:/content'), 'own'],
    [at('/v1.0/sites/root/drive/root:/a.txt:/content'), 'own'],
    [at('/v1.0/me/messages/FAKE/attachments/createUploadSession', 'POST'), 'own'],
    [at('/v1.0/drives/b!FAKElib/root:/d/a.txt:/content'), 'b!fakelib'],
    [at('/v1.0/drives/b%21FAKElib/items/01X:/a.txt:/content'), 'b!fakelib'],
    [at('/v1.0/drives/B!FAKElib/items/01X/createLink', 'POST', {}), 'b!fakelib'],
    [at('/v1.0/me/drives/b!FAKElib/items/01X/content'), 'b!fakelib'],
    [at(`/v1.0/sites/${GUID}/drives/b!FAKElib/items/01X/content`), 'b!fakelib'],
    [at(`/v1.0/sites/${GUID},${GUID.toUpperCase()}/drive/root:/a.txt:/content`), `sites/${GUID},${GUID}`],
    [at(`/v1.0/groups/${GUID}/drive/items/01X/content`), `groups/${GUID}`],
    [at('/v1.0/users/Fay%40contoso.example/drive/root:/a.txt:/content'), 'users/fay@contoso.example'],
    [at('/v1.0/shares/u!FAKE/driveItem/content'), 'shares/u!FAKE'],
    [at('/v1.0/me/drive/items/01X/copy', 'POST', { parentReference: { driveId: 'b!FAKElib', id: '01Y' }, name: 'c' }), 'b!fakelib'],
    [at('/v1.0/drives/b!FAKElib/items/01X/copy', 'POST', { parentReference: { id: '01Y' } }), 'b!fakelib'],
    [at('/v1.0/drives/b!FAKE1/items/01X', 'PATCH', { parentReference: { driveId: 'b!FAKE2' } }), 'b!fake1 b!fake2'],
    [at('/v1.0/me/drive/items/01X', 'PATCH', { parentReference: { driveId: 'b!FAKE2' } }), 'b!fake2'],
    [batch({ url: '/me/drive/root:/a.txt:/content', body: 'eA==' }, { url: 'me/drive/root:/b.txt:/content', body: 'eA==' }, { method: 'GET', url: '/drives/b!x/root' }), 'own'],
    [batch({ url: '/drives/b!FAKE1/root:/a.txt:/content' }, { url: '/drives/b!FAKE2/root:/a.txt:/content' }), 'b!fake1 b!fake2'],
    [batch({ method: 'POST', url: '/me/drive/items/1/copy', headers: { 'Content-Type': 'application/json' }, body: { parentReference: { driveId: 'b!FAKE1' } } }), 'b!fake1'],
  ]
  for (const [one, place] of cases) t.equal(placeOf(one), place, `${one.request} ${String(one.body)}`)
})

t.test('what leads elsewhere, could be read in two ways, or was not seen, is unseen', async t => {
  const cases: readonly Case[] = [
    // On to the drive of somebody else.
    at('/v1.0/me/drive/items/01X/createdByUser/drive/root:/a.txt:/content'), at('/v1.0/drives/b!F/root/lastModifiedByUser/drive/root:/a.txt:/content'),
    at('/v1.0/me/drive/following/01X/content'), at('/v1.0/me/manager/drive/root:/a.txt:/content'), at(`/v1.0/me/directReports/${GUID}/drive/root:/a.txt:/content`),
    at('/v1.0/me/drive/list/items/1/driveItem/content'), at('/v1.0/me/drive/root/children/d/children/a.txt/content'), at('/v1.0/teams/x/channels/y/filesFolder/content'),
    // Ids that are another drive with each credential, or none.
    at('/v1.0/users/me/drive/root:/a.txt:/content'), at('/v1.0/users/fay/drive/root:/a.txt:/content'), at('/v1.0/drives/me/root:/a.txt:/content'), at('/v1.0/sites/eng/drive/root:/a.txt:/content'),
    at("/v1.0/drives('b!FAKE')/root:/a.txt:/content"), at('/v1.0/drives//root:/a.txt:/content'), at('/v1.0/drives/b!F%2f..%2fb!G/root:/a.txt:/content'), at('/v1.0/constructor/x/drive/root'),
    // Spellings.
    at('/v1.0/me/drive;x=1/root:/a.txt:/content'), at('/v1.0//me/drive/root:/a.txt:/content'), at('/v1.0/me/drive/root%3a/a.txt:/content'), at('/v1.0/me/drive/root:/a%3a/content'),
    at('/v1.0/me/drive/root:/a%2f..%2f..%2f..%2fdrives%2fb!F/root'), at('/v1.0/me/drive/root:/a:/content:/x:/y'), at('/v1.0/me/drive/root:a.txt:/content'), at('/me/drive/root:/a.txt:/content'),
    at('/v1.0/me/drive/items/01X%2f..%2f..%2f..%2fdrives%2fb!G/content'), at('/v1.0/me/drive/items/01X;x=1/content'),
    at('/v2.0/me/drive/root:/a.txt:/content'), at('/v1.0/v1.0/me/drive/root:/a.txt:/content'),
    { ...at('/v1.0/me/drive/root:/a.txt:/content', 'GET'), headers: { 'x-http-method': 'PUT' } },
    // Copies whose destination is not told or not read.
    at('/v1.0/me/drive/items/01X/copy', 'POST'), at('/v1.0/me/drive/items/01X/copy', 'POST', {}), at('/v1.0/me/drive/items/01X/copy', 'POST', { parentReference: { path: '/drives/b!F/root:/d' } }),
    at('/v1.0/me/drive/items/01X/copy', 'POST', '{"parentReference":{"id":"1"},"parentReference":{"driveId":"b!F"}}'), at('/v1.0/me/drive/items/01X/copy', 'POST', { parentReference: { driveId: 7 } }),
    at('/v1.0/me/drive/items/01X/copy', 'POST', { parentReference: { siteId: 'x', id: '1' } }), at('/v1.0/me/drive/items/01X/copy', 'POST', { parentReference: { DriveId: 'b!F' } }),
    at('/v1.0/me/drive/items/01X/copy', 'POST', { ParentReference: { driveId: 'b!F' }, name: 'x' }),
    // Batches with something else in them.
    batch({ url: '/me/drive/root:/a.txt:/content' }, { url: '/drives/b!F/root:/a.txt:/content' }), batch({ url: '/me/drive/root:/a.txt:/content', headers: { authorization: 'Bearer FAKE' } }),
    batch({ url: '/me/drive/root:/a.txt:/content', headers: { 'X-HTTP-Method': 'GET' } }), batch({ url: '/$batch', method: 'POST' }), batch({ url: '/../me/drive/root:/a:/content' }),
    batch({ url: '/me/drive/root:/a.txt:/content' }, { url: '/x/y' }), batch(), at('/v1.0/$batch', 'POST'), at('/v1.0/$batch', 'POST', '{"requests":[],"requests":[]}'),
    batch({ url: '/me/drive/root:/a.txt:/content' }, { url: 7 }),
    // Hosts that name their tenant, or do not.
    { request: 'PUT contoso-my.sharepoint.com/_api/v2.0/me/drive/root:/a.txt:/content', length: 4 }, { request: 'PUT api.onedrive.com/v1.0/me/drive/root:/a.txt:/content', length: 4 },
  ]
  for (const one of cases) t.equal(placeOf(one), 'unseen', `${one.request} ${JSON.stringify(one.headers)} ${String(one.body)}`)
})
