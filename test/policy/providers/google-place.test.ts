/** Where requests to Drive and the editors write to. */
import t from 'tap'
import type { Case } from './cases.ts'
import { placeOf } from './identity-cases.ts'

const UPLOAD = 'www.googleapis.com/upload/drive/v3/files'
const FILES = 'www.googleapis.com/drive/v3/files'
const RELATED = { 'content-type': 'multipart/related; boundary=B' }
const JSON_TYPE = { 'content-type': 'application/json; charset=UTF-8' }

function multipart(metadata: string, headers: Readonly<Record<string, string>> = RELATED, eol = '\r\n'): Case {
  const lines = ['--B', 'Content-Type: application/json; charset=UTF-8', '', metadata, '--B', 'Content-Type: application/octet-stream', '', 'x', '--B--', '']
  return { request: `POST ${UPLOAD}?uploadType=multipart`, headers, body: lines.join(eol) }
}

function start(metadata: unknown, request = `POST ${UPLOAD}?uploadType=resumable`): Case {
  return { request, headers: JSON_TYPE, body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata) }
}

function batch(...parts: readonly string[]): Case {
  const body = parts.map(part => `--B\r\nContent-Type: application/http\r\n\r\n${part}\r\n`).join('')
  return { request: 'POST www.googleapis.com/batch/drive/v3', headers: { 'content-type': 'multipart/mixed; boundary=B' }, body: `${body}--B--\r\n` }
}

const copy = (name: string, parents: string): string => `POST /drive/v3/files/${name}/copy HTTP/1.1\r\nContent-Type: application/json\r\n\r\n${parents}`

t.test('the parents of the metadata, the file of the path, or the own root', async t => {
  const cases: readonly (readonly [Case, string])[] = [
    [multipart('{"name":"a.txt"}'), 'own'],
    [multipart('{"name":"a.txt","parents":[]}'), 'own'],
    [multipart('{"name":"a.txt","parents":["root"]}'), 'own'],
    [multipart('{"parents":["appDataFolder"]}'), 'own'],
    [multipart('{"name":"a.txt","parents":["1FAKE"]}'), '1FAKE'],
    [multipart('{"parents":["1FAKE"]}', RELATED, '\n'), '1FAKE'],
    [multipart('{"parents":["1FAKE"]}', { 'content-type': 'multipart/related; boundary="B"' }), '1FAKE'],
    [multipart('{"parents":["1FAKE","2FAKE"]}'), '1FAKE 2FAKE'],
    [multipart('{"PARENTS":["1FAKE"]}'), '1FAKE'],
    [start({ name: 'a.txt', parents: ['1FAKE'] }), '1FAKE'],
    [start({ title: 'a.txt', parents: [{ id: '1FAKE', kind: 'drive#parentReference' }] }, 'POST www.googleapis.com/upload/drive/v2/files?uploadType=resumable'), '1FAKE'],
    [{ request: `POST ${UPLOAD}?uploadType=resumable` }, 'own'],
    [{ request: `POST ${UPLOAD}?uploadType=resumable`, length: null, body: '' }, 'own'],
    [{ request: `POST ${UPLOAD}?uploadType=media`, length: 9 }, 'own'],
    [{ request: `PATCH ${UPLOAD}/1FAKE?uploadType=media`, length: 9 }, '1FAKE'],
    [{ request: `PATCH ${UPLOAD}/1FAKE?uploadType=multipart&addParents=2FAKE%2C3FAKE`, length: 9 }, '1FAKE 2FAKE 3FAKE'],
    [{ request: `PATCH ${UPLOAD}/1FAKE?uploadType=media&addParents=2FAKE&addparents=3FAKE`, length: 9 }, '1FAKE 2FAKE 3FAKE'],
    [start({ parents: [{ id: '2FAKE' }] }, 'PUT www.googleapis.com/upload/drive/v2/files/1FAKE?uploadType=resumable'), '1FAKE 2FAKE'],
    [start({ name: 'd' }, `POST ${FILES}`), 'own'],
    [start({ name: 'd', parents: ['1FAKE'] }, `POST ${FILES}?fields=id`), '1FAKE'],
    [start({ name: 'e' }, `PATCH ${FILES}/1FAKE`), '1FAKE'],
    [start({}, `PATCH ${FILES}/1FAKE?addParents=2FAKE&removeParents=3FAKE`), '1FAKE 2FAKE'],
    [start({ parents: ['2FAKE'] }, `POST ${FILES}/1FAKE/copy`), '2FAKE'],
    [start({ name: 'c' }, `POST ${FILES}/1FAKE/copy`), '1FAKE'],
    [start({ role: 'reader', type: 'anyone' }, `POST ${FILES}/1FAKE/permissions`), '1FAKE'],
    [start({ id: '2FAKE' }, 'POST www.googleapis.com/drive/v2/files/1FAKE/parents'), '1FAKE 2FAKE'],
    [start({ requests: [] }, 'POST docs.googleapis.com/v1/documents/1FAKE:batchUpdate'), '1FAKE'],
    [start({ values: [] }, 'PUT sheets.googleapis.com/v4/spreadsheets/1FAKE/values/A1%3AB2'), '1FAKE'],
    [start({ title: 'x' }, 'POST docs.googleapis.com/v1/documents'), 'own'],
    [start({ destinationSpreadsheetId: '2FAKE' }, 'POST sheets.googleapis.com/v4/spreadsheets/1FAKE/sheets/0:copyTo'), '2FAKE'],
    [{ request: 'POST docs.google.com/document/d/1FAKE/save', length: 9 }, '1FAKE'],
    [{ request: 'POST docs.google.com/forms/d/e/1FAKE/formResponse', length: 9 }, '1FAKE'],
    [batch(copy('1FAKE', '{"parents":["2FAKE"]}'), copy('1FAKE', '{"parents":["3FAKE"]}'), 'GET /drive/v3/files/9FAKE HTTP/1.1\r\n\r\n'), '2FAKE 3FAKE'],
  ]
  for (const [one, place] of cases) t.equal(placeOf(one), place, `${one.request} ${String(one.body)}`)
})

t.test('a part of a session goes where its start said', async t => {
  for (const query of ['uploadType=resumable&upload_id=FAKE', 'upload_id=FAKE']) {
    t.equal(placeOf({ request: `PUT ${UPLOAD}?${query}`, headers: { 'content-range': 'bytes 0-8/9' }, length: 9 }), 'own', query)
  }
})

t.test('the metadata of a large upload are enough', async t => {
  const one = multipart('{"parents":["1FAKE"]}')
  t.equal(placeOf(one, 110), '1FAKE')
  t.equal(placeOf(one, 79), 'unseen', 'their end is not there')
})

t.test('what could be read in two ways, or not at all, is unseen', async t => {
  const preamble = (text: string): Case => ({ ...multipart('{"parents":["2FAKE"]}'), body: `${text}${String(multipart('{"parents":["2FAKE"]}').body)}` })
  const withHead = (line: string): Case => {
    const one = multipart('{"parents":["1FAKE"]}')
    return { ...one, body: String(one.body).replace('Content-Type: application/json; charset=UTF-8', line) }
  }
  const cases: readonly Case[] = [
    // Two parents for two readers.
    multipart('{"parents":["1FAKE"],"parents":["2FAKE"]}'), multipart('{"parents":["1FAKE"],"Parents":["2FAKE"]}'),
    multipart('{"parents":["1FAKE"]}{"parents":["2FAKE"]}'), multipart('{"parents":["1FAKE"]}\r\n--C\r\n{"parents":["2FAKE"]}'),
    multipart('{"parents":"1FAKE"}'), multipart('{"parents":[7]}'), multipart('{"parents":[{"id":7}]}'), multipart('{"parents":["1/2"]}'), multipart('[]'), multipart(''),
    multipart('{"parents":["root","1FAKE"]}'),
    { ...multipart('{"parents":["1FAKE"]}'), body: `xxB\r\n\r\n{"parents":["1FAKE"]}\r\n${String(multipart('{"parents":["2FAKE"]}').body)}` },
    // Something before the first part, or a boundary within a line.
    preamble('x--B\r\n\r\n{"parents":["1FAKE"]}\r\n'), preamble('\r\n'), preamble('--Bx\r\n\r\n{"parents":["1FAKE"]}\r\n'),
    multipart('{}', { 'content-type': 'multipart/related; boundary=B; boundary=C' }), multipart('{}', { 'content-type': 'multipart/related; boundary*0=B' }),
    multipart('{}', { 'content-type': 'multipart/related; boundary=B, multipart/related; boundary=C' }), multipart('{}', { 'content-type': 'multipart/related' }),
    multipart('{}', { 'content-type': 'multipart/related; xboundary=B' }), multipart('{}', { ...RELATED, 'content-encoding': 'gzip' }),
    // Parts that say something else than they seem to.
    withHead('Content-Transfer-Encoding: quoted-printable'), withHead('Content-Transfer-Encoding: base64'), withHead('Content-Type: application/json; charset=utf-16'),
    withHead('Content-Type: application/json;\r\n charset=utf-7'),
    // Kinds that contradict each other, sessions, the pages' protocol.
    { ...multipart('{}'), request: `POST ${UPLOAD}` }, { ...multipart('{}'), request: `POST ${UPLOAD}?uploadType=media` },
    { ...multipart('{}'), request: `POST ${UPLOAD}?uploadType=multipart&uploadType=resumable` }, { ...multipart('{}'), request: `POST ${UPLOAD}?uploadType=multipart&upload_protocol=resumable` },
    { ...multipart('{}'), request: `POST ${UPLOAD}?uploadType=MULTIPART` }, { request: `PUT ${UPLOAD}?uploadType=resumable&upload_id=FAKE&upload_id=OTHER`, length: 9 },
    { request: `PUT ${UPLOAD}?uploadType=media&upload_id=FAKE&upload_key=OTHER`, length: 9 }, { request: `PUT ${UPLOAD}?uploadType=media&upload_id=`, length: 9 },
    { ...start({}), headers: { ...JSON_TYPE, 'x-goog-upload-command': 'start' } }, { ...start({}), headers: { ...JSON_TYPE, 'x-goog-upload-protocol': 'resumable' } },
    // Not seen yet.
    { request: `POST ${UPLOAD}?uploadType=multipart`, headers: RELATED, length: 400 }, { request: `POST ${UPLOAD}?uploadType=resumable`, length: 40 },
    { request: `POST ${FILES}`, length: 40 }, { request: `POST ${FILES}/1FAKE/copy`, length: 40 },
    // Another credential, method or path.
    start({}, `POST ${UPLOAD}?uploadType=resumable&access_token=FAKE`), { ...start({}), headers: { ...JSON_TYPE, 'x-http-method-override': 'PATCH' } },
    start({}, `POST www.googleapis.com/upload/drive/v3/files;v=1?uploadType=resumable`), start({}, 'POST www.googleapis.com/upload/drive/v3/x%2f..%2ffiles?uploadType=resumable'),
    start({}, 'POST docs.googleapis.com/v1/documents/1FAKE/x%2f..%2f..%2f2FAKE:batchUpdate'),
    { request: `PATCH ${UPLOAD}/1FAKE?uploadType=media&addParents=2%2F3`, length: 9 }, start({}, 'POST www.googleapis.com/drive/v2/files/1FAKE/parents'),
    start({}, 'POST www.googleapis.com/drive/v3/drives?requestId=1'), start({}, 'POST www.googleapis.com/v1/documents/1FAKE:batchUpdate'),
    // Batches with something that was not read.
    batch(copy('1FAKE', '{"parents":["2FAKE"]}'), copy('1FAKE', '{"parents":')), batch('GET /drive/v3/files/9FAKE HTTP/1.1\r\n\r\n'),
    batch('POST /drive/v3/files/1FAKE/copy HTTP/1.1\r\nAuthorization: Bearer FAKE-other\r\n\r\n{"parents":["2FAKE"]}'),
    batch('GET /drive/v3/files/9FAKE HTTP/1.1\r\nX-HTTP-Method-Override: PATCH\r\n\r\n', copy('1FAKE', '{"parents":["2FAKE"]}')),
    batch('POST /batch/drive/v3 HTTP/1.1\r\n\r\n'), { ...batch(copy('1FAKE', '{"parents":["2FAKE"]}')), headers: { 'content-encoding': 'gzip' } },
  ]
  for (const one of cases) t.equal(placeOf(one), 'unseen', `${one.request} ${JSON.stringify(one.headers)} ${String(one.body)}`)
  t.equal(placeOf(batch(copy('1FAKE', '{"parents":["2FAKE"]}')), 40), 'unseen')
})
