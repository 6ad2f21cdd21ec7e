import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ifThere } from '../../dashboards/if-there.ts'

t.test('what is gone is null; what cannot be had for another reason is an error', async t => {
  const dir = t.testdir({ file: 'text' })
  t.equal(await ifThere(readFile(join(dir, 'file'), 'utf8')), 'text')
  t.equal(await ifThere(lstat(join(dir, 'gone'))), null)
  await t.rejects(ifThere(lstat(join(dir, 'file', 'below'))), { code: 'ENOTDIR' })
})
