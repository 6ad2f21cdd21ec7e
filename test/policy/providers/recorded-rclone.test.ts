/** Requests of Debian's rclone 1.60.1, recorded against the stand-in providers, each with what its operation makes of it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { makeCatalogue } from '../../../policy/providers/catalogue.ts'
import { builtin } from '../../../policy/providers/index.ts'
import { listMember, member, readJson, textMember } from '../../../policy/providers/json.ts'
import { webdavLike } from '../../../policy/providers/webdav.ts'
import { makeHead } from './recording.ts'

const text = readFileSync(fileURLToPath(new URL('recorded-rclone.jsonl', import.meta.url)), 'utf8')
const webdav = webdavLike({
  id: 'webdav', account: 'webdav', domains: ['example'],
  hosts: [{ pattern: 'dav.example', role: 'storage' }, { pattern: 'cloud.example', role: 'storage' }],
})
const catalogue = makeCatalogue([...builtin, webdav])

t.test('box, s3, azureblob, gcs, webdav, nextcloud', async t => {
  const rows = text.trimEnd().split('\n').map(readJson)
  t.equal(rows.length, 98)
  for (const row of rows) {
    const value = (name: string): string => textMember(row, name) ?? ''
    const length = member(row, 'contentLength')
    const headers = (listMember(row, 'headers') ?? []).map((pair): [string, string] =>
      Array.isArray(pair) ? [String(pair[0]), String(pair[1])] : ['', ''])
    const head = makeHead({
      method: value('method'), host: value('host'), path: value('path'), query: value('query'), headers,
      contentLength: typeof length === 'number' ? length : null,
    })
    const operation = catalogue.find(head.host, head.path)?.module.recognise(head).operation
    const name = `${value('run')}: ${head.method} ${head.path}`
    t.equal(`${operation?.provider} ${operation?.activity} ${operation?.step}`, value('is'), name)
    if (operation?.activity !== 'upload') continue
    t.equal(`${operation.size.is} ${operation.size.bytes}`, value('size'), name)
    t.equal(operation.fileName ?? '', value('fileName'), name)
    t.equal(operation.tenantHint ?? '', value('place'), name)
  }
})
