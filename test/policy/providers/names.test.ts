import t from 'tap'
import { names, namesOf } from '../../../policy/providers/names.ts'
import { operation } from './cases.ts'
import type { Case } from './cases.ts'

const told = (one: Case): unknown => {
  const { fileName, fileNames, moreNames } = operation(one)
  return [fileName, fileNames, moreNames]
}

const form = (...files: readonly string[]): string =>
  files.map(name => `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\nx\r\n`).join('') + '--b--'

const graph = (...urls: readonly string[]): Case => ({
  request: 'POST graph.microsoft.com/v1.0/$batch', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ requests: urls.map((url, n) => ({ id: String(n), method: 'PUT', url, body: 'eA==' })) }),
})

t.test('an operation tells the first name, and all of a few', async t => {
  t.strictSame(names([]), {})
  t.strictSame(names([undefined]), {})
  t.strictSame(names(['a']), { fileName: 'a' })
  t.strictSame(names([undefined, 'a', 'a']), { fileName: 'a' })
  t.strictSame(names(['a', 'b', 'a']), { fileName: 'a', fileNames: ['a', 'b'] })
  t.strictSame(names(['a'], true), { fileName: 'a', moreNames: true })
  const many = names(Array.from({ length: 65 }, (_, n) => `${n}.txt`))
  t.equal(many.fileNames?.length, 64)
  t.equal(many.moreNames, true)
  t.equal(names(many.fileNames ?? []).moreNames, undefined)
  const { fileNames, ...one } = operation(graph('/me/drive/root:/a.txt:/content'))
  t.equal(fileNames, undefined)
  t.strictSame(namesOf(one), ['a.txt'])
})

t.test('a batch of Graph, calls of Dropbox and forms tell all their names', async t => {
  t.strictSame(told(graph('/me/drive/root:/a.txt:/content', '/me/drive/root:/b.docx:/content')), ['a.txt', ['a.txt', 'b.docx'], undefined])
  t.strictSame(told(graph('/me/drive/root:/a.txt:/content', '/me/messages')), ['a.txt', undefined, undefined])
  t.strictSame(told({ ...graph(), body: '{"requests":' }), [undefined, undefined, true], 'a batch that cannot be read')
  const entries = ['/d/a.txt', '/d/b.docx'].map(path => ({ cursor: { session_id: path, offset: 1 }, commit: { path } }))
  t.strictSame(
    told({ request: 'POST api.dropboxapi.com/2/files/upload_session/finish_batch_v2', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ entries }) }),
    ['a.txt', ['a.txt', 'b.docx'], undefined],
  )
  const multipart = { 'content-type': 'multipart/form-data; boundary=b' }
  t.strictSame(told({ request: 'POST www.dropbox.com/upload', headers: multipart, body: form('a.txt', 'b.docx') }), ['a.txt', ['a.txt', 'b.docx'], undefined])
  t.strictSame(told({ request: 'POST upload.box.com/api/2.0/files/content', headers: multipart, body: form('a.txt', 'b.docx') }), ['a.txt', ['a.txt', 'b.docx'], undefined])
  const many = operation({ request: 'POST www.dropbox.com/upload', headers: multipart, body: form(...Array.from({ length: 40 }, (_, n) => `${n}.txt`)) })
  t.match(many, { fileName: '0.txt', moreNames: true })
})
