/** Where requests to Box write to. */
import t from 'tap'
import type { Case } from './cases.ts'
import { placeOf } from './identity-cases.ts'

const FORM = { 'content-type': 'multipart/form-data; boundary=B' }

function form(attributes: string, name = 'form-data; name="attributes"', file = 'form-data; name="file"; filename="a.txt"'): Case {
  const lines = ['--B', `Content-Disposition: ${name}`, '', attributes, '--B', `Content-Disposition: ${file}`, 'Content-Type: text/plain', '', 'x', '--B--', '']
  return { request: 'POST upload.box.com/api/2.0/files/content', headers: FORM, body: lines.join('\r\n') }
}

function call(request: string, body?: unknown): Case {
  return { request, headers: { 'content-type': 'application/json' }, ...(body === undefined ? { length: 40 } : { body: typeof body === 'string' ? body : JSON.stringify(body) }) }
}

t.test('the folder of the attributes, the file of the path, the folder of a session', async t => {
  const cases: readonly (readonly [Case, string])[] = [
    [form('{"name":"a.txt","parent":{"id":"0"}}'), 'own'],
    [form('{"name":"a.txt","parent":{"id":0}}'), 'own'],
    [form('{"name":"a.txt","parent":{"id":"123"}}'), 'folder:123'],
    [form('{"name":"a.txt","parent":{"id":"123"}}', 'form-data; name=attributes'), 'folder:123'],
    [{ ...form('{"parent":{"id":"123"}}'), request: 'POST upload.app.box.com/api/2.0/files/content' }, 'folder:123'],
    [{ request: 'POST upload.box.com/api/2.0/files/9/content', length: 400 }, 'file:9'],
    [call('POST upload.box.com/api/2.0/files/9/upload_sessions', { file_size: 7 }), 'file:9'],
    [call('POST upload.box.com/api/2.0/files/upload_sessions', { folder_id: '0', file_name: 'a', file_size: 7 }), 'own'],
    [call('POST upload.box.com/api/2.0/files/upload_sessions', { folder_id: '123', file_name: 'a', file_size: 7 }), 'folder:123'],
    // Where the session's start said.
    [{ request: 'PUT upload.box.com/api/2.0/files/upload_sessions/F9', length: 9 }, 'own'],
    [call('POST upload.box.com/api/2.0/files/upload_sessions/F9/commit', { parts: [] }), 'own'],
    [call('POST api.box.com/2.0/folders', { name: 'd', parent: { id: '0' } }), 'own'],
    [call('PUT api.box.com/2.0/folders/5', { name: 'd' }), 'folder:5'],
    [call('PUT api.box.com/2.0/files/5', { parent: { id: '6' } }), 'file:5 folder:6'],
    [call('POST api.box.com/2.0/files/5/copy', { parent: { id: '6' } }), 'folder:6'],
  ]
  for (const [one, place] of cases) t.equal(placeOf(one), place, `${one.request} ${String(one.body)}`)
})

t.test('what could be read in two ways, or not at all, is unseen', async t => {
  const own = '{"parent":{"id":"0"}}'
  const cases: readonly Case[] = [
    form('{"parent":{"id":"0"},"parent":{"id":"9"}}'), form('{"parent":{"id":"0","ID":"9"}}'), form('{"name":"a"}'), form('{"parent":{"id":"x"}}'), form('{"parent":{"id":-1}}'), form('[]'), form('x'),
    // Another field in between, another name, a field instead of a file.
    form(own, 'form-data; name="attributes"; name="x"'), form(own, 'form-data; name="parent_id"'), form(own, 'form-data; name="attributes"; filename="x"'),
    form(own, undefined, 'form-data; name="attributes"'), form(own, undefined, 'form-data; name="parent_id"'), form(own, 'form-data; name="attributes"\r\nContent-Disposition: form-data; name="x"'),
    form(own, 'form-data; name="attributes"\r\nContent-Transfer-Encoding: base64'), form(own, 'form-data;\r\n name="attributes"'),
    { ...form(own), body: `x--B\r\nContent-Disposition: form-data; name="attributes"\r\n\r\n{"parent":{"id":"9"}}\r\n${String(form(own).body)}` },
    { ...form(own), headers: { ...FORM, 'content-encoding': 'gzip' } }, { ...form(own), headers: { 'content-type': 'multipart/form-data' } },
    { ...form(own), headers: { ...FORM, 'x-http-method-override': 'PUT' } }, { ...form(own), request: 'POST upload.box.com/api/2.0/files/content;x=1' },
    { ...form(own), request: 'POST upload.box.com/api/2.0/files/content?access_token=FAKE' }, { ...form(own), request: 'POST upload.box.com/upload/x' }, { ...form(own), request: 'POST upload.box.com/files/content' },
    // Not seen, and parts of sessions.
    { request: 'POST upload.box.com/api/2.0/files/content', headers: FORM, length: 400 }, call('POST upload.box.com/api/2.0/files/upload_sessions'), call('PUT api.box.com/2.0/files/5'),
    { request: 'PUT upload.box.com/api/2.0/files/upload_sessions/F9/x/y', length: 9 }, call('POST upload.box.com/api/2.0/files/upload_sessions/F9;x=1/commit', { parts: [] }),
    call('POST upload.box.com/api/2.0/files/upload_sessions', '{"folder_id":"0","folder_id":"9"}'), call('POST upload.box.com/api/2.0/files/upload_sessions', { folder_id: ['0'] }),
    call('POST api.box.com/2.0/folders/5/content', {}), { request: 'PUT dav.box.com/dav/a.txt', length: 9 },
  ]
  for (const one of cases) t.equal(placeOf(one), 'unseen', `${one.request} ${JSON.stringify(one.headers)} ${String(one.body)}`)
  t.equal(placeOf(form(own), 90), 'unseen', 'of which the file was not seen')
})
