/** Requests of Debian's rclone 1.60.1, recorded against the stand-in providers, each with what its operation makes of it. */
import t from 'tap'
import { makeCatalogue } from '../../../policy/providers/catalogue.ts'
import { builtin } from '../../../policy/providers/index.ts'
import { webdavLike } from '../../../policy/providers/webdav.ts'
import { rcloneRecordings } from './recording.ts'

const webdav = webdavLike({
  id: 'webdav', account: 'webdav', domains: ['example'],
  hosts: [{ pattern: 'dav.example', role: 'storage' }, { pattern: 'cloud.example', role: 'storage' }],
})
const catalogue = makeCatalogue([...builtin, webdav])

t.test('box, s3, azureblob, gcs, webdav, nextcloud', async t => {
  const rows = rcloneRecordings()
  t.equal(rows.length, 98)
  for (const { head, told } of rows) {
    const operation = catalogue.find(head.host, head.path)?.module.recognise(head).operation
    const name = `${told('run')}: ${head.method} ${head.path}`
    t.equal(`${operation?.provider} ${operation?.activity} ${operation?.step}`, told('is'), name)
    if (operation?.activity !== 'upload') continue
    t.equal(`${operation.size.is} ${operation.size.bytes}`, told('size'), name)
    t.equal(operation.fileName ?? '', told('fileName'), name)
    t.equal(operation.tenantHint ?? '', told('place'), name)
  }
})
