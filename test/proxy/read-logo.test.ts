import { join } from 'node:path'
import t from 'tap'
import { readLogo } from '../../proxy/read-logo.ts'

t.test('images become part of a page, by what they are', async t => {
  const dir = t.testdir({
    png: Buffer.from('\x89PNG\r\n\x1a\nrest', 'latin1'), jpg: Buffer.from('\xff\xd8\xffrest', 'latin1'), webp: 'RIFF0000WEBPrest',
    svg: '<?xml version="1.0"?>\n<!-- ours -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
  })
  for (const [name, type] of [['png', 'image/png'], ['jpg', 'image/jpeg'], ['webp', 'image/webp'], ['svg', 'image/svg+xml']] as const) {
    t.match(readLogo(join(dir, name)), new RegExp(`^data:${type.replace('+', '\\+')};base64,[\\w+/=]+$`), name)
  }
  t.equal(readLogo(null), null)
})

t.test('what is none says so, with the place and the remedy', async t => {
  const dir = t.testdir({ html: '<html><svg></svg></html>', large: Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(200_000)]), empty: '' })
  for (const [name, said] of [['html', /no image/], ['empty', /no image/], ['large', /over 128 KiB/], ['none', /cannot be read \(ENOENT\)/]] as const) {
    t.throws(() => readLogo(join(dir, name)), { code: 'config.unreadable', message: said, remedy: /PNG/ }, name)
  }
})
