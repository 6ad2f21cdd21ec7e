import t from 'tap'
import { parseHost, parseHostPort, parseTarget, unmap, formatHostPort } from '../../proxy/host-port.ts'

t.test('hosts are folded to one form', async (t) => {
  const same: Array<[string, string, 'name' | 'ip']> = [
    ['content.dropboxapi.com', 'content.dropboxapi.com', 'name'],
    ['CONTENT.DropboxAPI.com.', 'content.dropboxapi.com', 'name'],
    ['bücher.example', 'xn--bcher-kva.example', 'name'],
    ['ｗｗｗ.dropbox.com', 'www.dropbox.com', 'name'],
    ['%77ww.dropbox.com', 'www.dropbox.com', 'name'],
    ['localhost', 'localhost', 'name'],
    ['127.1', '127.0.0.1', 'ip'],
    ['0x7f.1', '127.0.0.1', 'ip'],
    ['2130706433', '127.0.0.1', 'ip'],
    ['[::1]', '::1', 'ip'],
    ['[::ffff:127.0.0.1]', '127.0.0.1', 'ip'],
    ['[2001:DB8:0:0::1]', '2001:db8::1', 'ip'],
  ]
  for (const [given, host, kind] of same) t.strictSame(parseHost(given), { host, kind }, given)
})

t.test('what is no host is refused', async (t) => {
  for (const text of ['', '.', 'a b', 'user@host', 'host/path', 'host?x', 'host#x', 'a\\b', 'a..b', '.a.example', '.contoso.sharepoint.com', '[::1', '::1', 'a:1', '%00.com', 'a'.repeat(64) + '.com\n', 'x'.repeat(300) + '.com', '256.256.256.256', '[::1]x', 'ho\tst']) {
    t.equal(parseHost(text), null, JSON.stringify(text))
  }
})

t.test('authorities', async (t) => {
  t.strictSame(parseHostPort('Example.com:443', null), { host: 'example.com', port: 443, kind: 'name' })
  t.strictSame(parseHostPort('[::1]:8443', null), { host: '::1', port: 8443, kind: 'ip' })
  t.strictSame(parseHostPort('example.com', 443), { host: 'example.com', port: 443, kind: 'name' })
  for (const text of ['example.com', 'example.com:', 'example.com:0', 'example.com:65536', 'example.com:443:443', 'example.com:+443', ':443', 'example.com: 443']) {
    t.equal(parseHostPort(text, null), null, text)
  }
  t.equal(formatHostPort('::1', 443), '[::1]:443')
})

t.test('paths are judged as an origin reads them', async (t) => {
  const cases: Array<[string, string, string, string]> = [
    ['/a/b?q=1', '/a/b', 'q=1', '/a/b?q=1'],
    ['/a/../b', '/b', '', '/b'],
    ['/2/files/list_folder/../upload', '/2/files/upload', '', '/2/files/upload'],
    ['/2/files/%2e%2E/files/upload?x', '/2/files/upload', 'x', '/2/files/upload?x'],
    ['/a/./b/.', '/a/b/', '', '/a/b/'],
    ['/../../x', '/x', '', '/x'],
    ['/2/files/%75pload', '/2/files/upload', '', '/2/files/%75pload'],
    ['/a%2Fb', '/a%2Fb', '', '/a%2Fb'],
    ['/..;/x', '/..;/x', '', '/..;/x'],
    ['/?', '/', '', '/?'],
  ]
  for (const [given, path, query, full] of cases) t.strictSame(parseTarget(given), { path, query, full }, given)
  for (const text of ['', 'a', 'http://x/', '/a b', '/a\tb', '/a#b', '/a\\b', '/a\x7f', '/a\nb']) t.equal(parseTarget(text), null, JSON.stringify(text))
})

t.test('mapped addresses', async (t) => {
  t.equal(unmap('::ffff:10.0.0.1'), '10.0.0.1')
  t.equal(unmap('::ffff:a00:1'), '10.0.0.1')
  t.equal(unmap('::1'), '::1')
  t.equal(unmap('10.0.0.1'), '10.0.0.1')
})
