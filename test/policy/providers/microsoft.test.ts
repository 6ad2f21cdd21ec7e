/** Calls of Graph and SharePoint beside the recorded ones; formats from their references. */
import t from 'tap'
import { operation, verdict } from './cases.ts'

const json = (value: unknown): string => JSON.stringify(value)
const graph = 'graph.microsoft.com/v1.0'
const site = 'contoso.sharepoint.com/sites/eng'
const LARGE = 20_000

t.test('Graph', async t => {
  for (const [request, wanted] of [
    [`DELETE ${graph}/me/drive/items/1/permissions/2`, 'share single'],
    [`PATCH ${graph}/me/drive/items/1/permissions/2`, 'share single'],
    [`PATCH ${graph}/me/drive/root:/d/a.txt:/permissions/2`, 'share single'],
    [`DELETE ${graph}/me/drive/root:/d/permissions/a.txt:`, 'delete single'],
    [`DELETE ${graph}/me/drive/root:/permissions/a.txt`, 'delete single'],
    [`POST ${graph}/me/drive/items/1/permissions/2/revokeGrants`, 'share single'],
    [`POST ${graph}/me/drive/items/1/preview`, 'list single'],
    [`POST ${graph}/me/drive/items/1/extractSensitivityLabels`, 'list single'],
    [`DELETE ${graph}/me/drive/items/1/retentionLabel`, 'change single'],
    [`POST ${graph}/search/query`, 'list single'],
    [`POST ${graph}/me/messages/1/copy`, 'other single'],
  ] as const) {
    t.equal(verdict({ request, length: 10 }), wanted, request)
    t.equal(verdict({ request, length: LARGE }), 'upload single unexplained-body', `${request}, large`)
  }
  const headers = { 'content-type': 'application/json' }
  const requests = [{ id: '1', method: 'DELETE', url: '/me/drive/items/1/permissions/2' }]
  t.equal(verdict({ request: `POST ${graph}/$batch`, headers, body: json({ requests }) }), 'share batch')
})

t.test('a file that is called as an action is still committed', async t => {
  for (const name of ['copy', 'preview', 'retentionLabel', 'permissions', 'permissions/1']) {
    const body = json({ '@microsoft.graph.sourceUrl': 'https://x' })
    t.equal(verdict({ request: `PUT ${graph}/me/drive/root:/${name}`, body }), 'upload finish', name)
  }
  t.equal(verdict({ request: `PUT ${graph}/me/drive/items/1/permissions/2`, body: '{}' }), 'upload finish')
  t.match(operation({ request: `PUT ${graph}/me/drive/root:/d/copy`, body: '{}' }), { fileName: 'copy' })
})

t.test('an attachment of a mail tells its name and size', async t => {
  const body = json({ AttachmentItem: { attachmentType: 'file', name: 'a.zip', size: 70 } })
  t.match(operation({ request: `POST ${graph}/me/messages/1/attachments/createUploadSession`, body }),
    { activity: 'upload', step: 'start', fileName: 'a.zip', size: { bytes: 70, is: 'exact' } })
  const both = json({ item: { fileSize: 9000 }, AttachmentItem: { size: 1 } })
  t.match(operation({ request: `POST ${graph}/me/drive/items/1:/a.zip:/createUploadSession`, body: both }),
    { size: { bytes: 9000, is: 'exact' } })
  t.match(operation({ request: `POST ${graph}/me/drive/root:/attachments/a.zip:/createUploadSession`, body }), { size: { is: 'unknown' } })
})

t.test('SharePoint REST', async t => {
  for (const [call, wanted] of [
    ["web/folders/AddUsingPath(DecodedUrl='d')", 'change single'],
    ["web/lists/getbytitle('l')/items", 'change single'],
    ["web/GetFileByServerRelativeUrl('/a')/undocheckout", 'change single'],
    ["web/RecycleBin('1')/restore()", 'change single'],
    ["web/lists/getbytitle('l')/items(1)/breakroleinheritance(true)", 'share single'],
    ['SP.Web.CreateAnonymousLink', 'share single'],
    ["web/lists/getbytitle('l')/GetChanges", 'list single'],
    ['search/postquery', 'list single'],
    ["web/GetFileByServerRelativeUrl('/a')/versions/DeleteByLabel('1')", 'delete single'],
  ] as const) {
    t.equal(verdict({ request: `POST ${site}/_api/${call}`, length: 10 }), wanted, call)
    t.equal(verdict({ request: `POST ${site}/_api/${call}`, length: LARGE }), 'upload single unexplained-body', `${call}, large`)
  }
  for (const call of [
    "web/GetFolderByServerRelativeUrl('/d')/Files/add(url='a')",
    "web/lists/getbytitle('l')/items(1)/AttachmentFiles/add(FileName='a')",
  ]) {
    t.equal(verdict({ request: `POST ${site}/_api/${call}`, length: 10 }), 'upload single', call)
  }
})

t.test('pictures by SOAP', async t => {
  const call = (name: string) => ({
    request: `POST ${site}/_vti_bin/Imaging.asmx`, body: '<x/>',
    headers: { soapaction: `"http://schemas.microsoft.com/sharepoint/soap/ois/${name}"` },
  })
  t.equal(verdict(call('Upload')), 'upload single')
  t.equal(verdict(call('GetItemsByIds')), 'other single')
})

t.test('a tenant that could not be printed, or has no name, is none that anybody could have listed', async t => {
  const hint = (request: string): string | undefined => operation({ request, body: 'x' }).tenantHint
  t.equal(hint(`PUT ${graph}/sites/contoso.sharepoint.com,1,2/drive/root:/a.txt:/content`), 'contoso')
  t.equal(hint(`PUT ${graph}/sites/con%c2%99toso.sharepoint.com,1,2/drive/root:/a.txt:/content`), 'con\ufffdtoso')
  t.equal(hint("PUT -my.sharepoint.com/personal/a/_api/v2.0/drive/root:/a.txt:/content"), '-my')
})

t.test('pages', async t => {
  for (const [request, wanted] of [
    [`GET ${site}/_api/web/GetFileByServerRelativeUrl('/a')/OpenBinaryStream()`, 'download single'],
    ['GET contoso.sharepoint.com/ScriptResource.axd?d=1', 'other single'],
    ['GET contoso.sharepoint.com/favicon.ico', 'other single'],
    [`GET ${site}/Shared/a.ico`, 'download single'],
    ['POST contoso.sharepoint.com/_forms/default.aspx?wa=wsignin1.0', 'login single'],
    ['POST contoso.sharepoint.com/sites/eng/a/_forms/default.aspx?wa=wsignin1.0', 'other single'],
    ['PUT contoso.sharepoint.com/_forms/default.aspx', 'upload single'],
  ] as const) t.equal(verdict({ request, length: 10 }), wanted, request)
  t.equal(verdict({ request: 'POST contoso.sharepoint.com/_forms/default.aspx', length: LARGE }), 'upload single unexplained-body')
})

t.test('a form names all its files', async t => {
  const file = (name: string): string => `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\nx\r\n`
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const request = `POST ${site}/_layouts/15/UploadEx.aspx?List=1`
  t.match(operation({ request, headers, body: `${file('a.txt')}${file('b.exe')}--b--` }), { fileName: 'a.txt', fileNames: ['a.txt', 'b.exe'] })
  t.match(operation({ request, headers, body: `${Array.from({ length: 40 }, (_, i) => file(`${i}.txt`)).join('')}--b--` }), { moreNames: true })
})
