/** Where calls of the Dropbox API write to. */
import t from 'tap'
import type { Case } from './cases.ts'
import { placeOf } from './identity-cases.ts'

const CONTENT = 'POST content.dropboxapi.com/2/files'
const CALL = 'POST api.dropboxapi.com/2'

function content(call: string, arg: unknown, headers: Readonly<Record<string, string>> = {}): Case {
  return { request: `${CONTENT}/${call}`, headers: { 'dropbox-api-arg': typeof arg === 'string' ? arg : JSON.stringify(arg), ...headers }, length: 4 }
}

function call(name: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Case {
  return { request: `${CALL}/${name}`, headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

function root(value: unknown): Readonly<Record<string, string>> {
  return { 'dropbox-api-path-root': JSON.stringify(value) }
}

const upload = (path: unknown, headers = {}): Case => content('upload', { path, mode: 'add' }, headers)
const entry = (path: unknown): unknown => ({ cursor: { session_id: 'FAKE', offset: 4 }, commit: { path, mode: 'add' } })

t.test('a path is told by its root, an id names a place', async t => {
  const cases: readonly (readonly [Case, string])[] = [
    [upload('/d/a.txt'), 'own'],
    [upload('/snö/文件.txt'), 'own'],
    [{ ...upload('/x'), headers: { 'dropbox-api-arg': Buffer.from('{"path":"/snö.txt"}').toString('latin1') } }, 'own'],
    [upload('/d/a.txt', root({ '.tag': 'home' })), 'own'],
    [upload('/d/a.txt', root({ '.tag': 'root', root: '12' })), 'ns:12'],
    [upload('/d/a.txt', root({ '.tag': 'namespace_id', namespace_id: '12' })), 'ns:12'],
    [upload('ns:34/d/a.txt'), 'ns:34'],
    [upload('ns:34'), 'ns:34'],
    [upload('ns:34/a.txt', root({ '.tag': 'root', root: '12' })), 'ns:12 ns:34'],
    [upload('id:a4ayc_80_OEAAAAAAAAAXw'), 'id:a4ayc_80_OEAAAAAAAAAXw'],
    [content('alpha/upload', { path: '/a' }), 'own'],
    [content('upload_session/finish', { cursor: { session_id: 'FAKE', offset: 0 }, commit: { path: 'ns:5/a' } }), 'ns:5'],
    [{ request: `POST api.dropboxapi.com/2/files/paper/create`, headers: { 'dropbox-api-arg': '{"path":"/a.paper"}' }, length: 4 }, 'own'],
    [{ request: `${CONTENT}/upload?arg=%7B%22path%22%3A%22ns%3A9%2Fa%22%7D`, length: 4 }, 'ns:9'],
    [call('files/upload_session/finish_batch_v2', { entries: [entry('/a'), entry('/b')] }), 'own'],
    [call('files/upload_session/finish_batch', { entries: [entry('ns:1/a'), entry('ns:2/b')] }), 'ns:1 ns:2'],
    [call('files/get_temporary_upload_link', { commit_info: { path: '/a' }, duration: 60 }), 'own'],
    [call('files/save_url', { path: 'ns:3/a', url: 'https://x.example/' }), 'ns:3'],
    [call('files/copy_reference/save', { path: '/a', copy_reference: 'FAKE' }), 'own'],
    [call('files/copy_v2', { from_path: 'ns:3/a', to_path: '/a' }), 'own'],
    [call('files/move_batch_v2', { entries: [{ from_path: '/a', to_path: 'ns:3/a' }] }), 'ns:3'],
    [call('files/create_folder_batch', { paths: ['/a', '/b'] }), 'own'],
    [call('sharing/create_shared_link_with_settings', { path: '/a' }), 'own'],
    [call('sharing/add_folder_member', { shared_folder_id: '84528192421', members: [] }), 'ns:84528192421'],
    [call('file_requests/create', { title: 'x', destination: '/in' }), 'own'],
  ]
  for (const [one, place] of cases) t.equal(placeOf(one), place, `${one.request} ${JSON.stringify(one.headers)} ${String(one.body)}`)
})

t.test('parts of a session stay with the account, unless a namespace is named', async t => {
  for (const name of ['start', 'append_v2', 'append', 'append_batch']) {
    t.equal(placeOf(content(`upload_session/${name}`, { close: false })), 'own', name)
    t.equal(placeOf(content(`upload_session/${name}`, {}, root({ '.tag': 'root', root: '12' }))), 'ns:12', name)
  }
  t.equal(placeOf(call('files/upload_session/start_batch', { num_sessions: 2 })), 'own')
  // Two sessions for two readers.
  for (const arg of ['{"cursor":{"session_id":"A","session_id":"B"}}', '{"cursor":', '{"close":false}, {"close":true}']) {
    t.equal(placeOf(content('upload_session/append_v2', arg)), 'unseen', arg)
  }
  const twice = content('upload_session/append_v2', { cursor: { session_id: 'A', offset: 0 } })
  t.equal(placeOf({ ...twice, request: `${twice.request}?arg=%7B%22cursor%22%3A%7B%22session_id%22%3A%22B%22%7D%7D` }), 'unseen')
})

t.test('a temporary link goes where its making said', async t => {
  t.equal(placeOf({ request: 'POST content.dropboxapi.com/apitul/1/FAKE', length: 4 }), 'own')
  for (const rest of ['1/FAKE;x=1', '1/FAKE/x', '1/FAKE?x=1', '1/']) t.equal(placeOf({ request: `POST content.dropboxapi.com/apitul/${rest}`, length: 4 }), 'unseen', rest)
})

t.test('what could be read in two ways, or not at all, is unseen', async t => {
  const cases: readonly Case[] = [
    // Told nowhere, twice, or not as a place.
    { request: `${CONTENT}/upload`, length: 4 },
    { ...upload('/a'), request: `${CONTENT}/upload?arg=%7B%22path%22%3A%22ns%3A9%2Fa%22%7D` },
    { request: `${CONTENT}/upload?arg=%7B%22path%22%3A%22%2Fa%22%7D&ARG=%7B%22path%22%3A%22ns%3A9%2Fa%22%7D`, length: 4 },
    content('upload', '{"path":"/a","path":"ns:9/a"}'), content('upload', '{"path":"/a","Path":"ns:9/a"}'),
    content('upload', '{"path":"/a"}, {"path":"ns:9/a"}'), content('upload', '{"path":'),
    ...[undefined, null, 7, {}, ['/a'], 'a.txt', 'rev:1', 'ns:', 'ns:/a', 'ns: 1/a', 'NS:1/a'].map(path => upload(path)),
    ...['{', '[]', '"home"', '{".tag":"other"}', '{".tag":"root"}', '{".tag":"root","root":7}', '{".tag":"home",".tag":"root","root":"1"}',
      '{".tag":"home"}, {".tag":"root","root":"1"}'].map(text => upload('/a', { 'dropbox-api-path-root': text })),
    // Another credential, another method, another path.
    { ...upload('/a'), request: `${CONTENT}/upload?authorization=Bearer%20FAKE` },
    { ...upload('/a'), request: `${CONTENT}/upload?path_root=12` },
    upload('/a', { 'x-http-method-override': 'PUT' }),
    { ...upload('/a'), request: 'PUT content.dropboxapi.com/2/files/upload' },
    { ...upload('/a'), request: 'POST content.dropboxapi.com/2/files/upload;v=1' },
    { ...upload('/a'), request: 'POST content.dropboxapi.com/2/files/x%2f..%2fupload' },
    { ...upload('/a'), request: 'POST www.dropbox.com/upload' },
    { ...upload('/a'), request: 'POST content.dropboxapi.com/1/files_put/auto/a.txt' },
    { request: 'POST dl-web.dropbox.com/put_block_returning_token_unauth?owner_id=1', length: 4 },
    // Batches of which one entry is elsewhere, has no place, or is no list.
    call('files/upload_session/finish_batch_v2', { entries: [entry('/a'), entry('ns:1/b')] }),
    call('files/upload_session/finish_batch_v2', { entries: [entry('/a'), entry(undefined)] }),
    call('files/upload_session/finish_batch_v2', { entries: [entry('/a'), entry(7)] }),
    call('files/upload_session/finish_batch_v2', { entries: [] }), call('files/upload_session/finish_batch_v2', { entries: {} }),
    call('files/upload_session/finish_batch_v2', { entries: [entry('/a')] }, { 'content-encoding': 'gzip' }),
    call('files/upload_session/finish_batch_v2', { entries: [entry('/a')] }, { 'content-type': 'application/json; charset=utf-16' }),
    call('files/upload_session/finish_batch_v2', { entries: [entry('/a')] }, { 'dropbox-api-arg': '{"path":"/a"}' }),
    { request: `${CALL}/files/upload_session/finish_batch_v2`, length: 400 },
    call('files/create_folder_batch', { paths: ['/a', 7] }), call('sharing/modify_shared_link_settings', { url: 'https://x.example/' }),
  ]
  for (const one of cases) t.equal(placeOf(one), 'unseen', `${one.request} ${JSON.stringify(one.headers)} ${String(one.body)}`)
  t.equal(placeOf(call('files/upload_session/finish_batch_v2', { entries: [entry('/a')] }), 20), 'unseen', 'of which only a part was seen')
  const ends = call('files/upload_session/finish_batch_v2', `${JSON.stringify({ entries: [entry('/a')] })} {"entries":[]}`)
  t.equal(placeOf(ends, String(ends.body).indexOf(' {"entries')), 'unseen', 'whose part looks like all of it')
})
