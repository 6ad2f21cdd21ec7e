/**
 * Ways in which an upload could be written so that a reader of requests takes it for something else, and some origin does not. Data:
 * `evasions.test.ts` sends each through a real Sluice to an origin that understands all of them.
 */
import { gzipSync } from 'node:zlib'
import { DRIVE, GRAPH } from '../e2e/lenient-origin.ts'
import { API, CONTENT, UPLOAD } from '../e2e/wire.ts'

export interface Evasion {
  readonly name: string
  /** Of the tunnel. */
  readonly host: string
  /** All that is sent through it, HTTP/1.1. */
  readonly bytes: Buffer
  /** What is refused whatever the policy says, since it can be read in two ways or is not to be had. */
  readonly malformed?: true
  /** What would mislead the origin does not reach it, so that nothing is stored where all is allowed either. */
  readonly stripped?: true
  /** Left out: no uploads but to sanctioned tenants. `large`: none from 20 KB; `keys`: none of `*.key`. */
  readonly policy?: 'large' | 'keys'
}

/** Below `intercept.unexplainedBody`, so that its bound does not help. */
const FILE = 'a small secret'
const ARG = 'Dropbox-API-Arg: {"path":"/a.txt"}'

function request(line: string, host: string, fields: readonly string[], body: string | Buffer = FILE): Buffer {
  const framed = fields.some(field => /^(?:content-length|transfer-encoding):/i.test(field)) ? fields : [...fields, `Content-Length: ${Buffer.byteLength(body)}`]
  return Buffer.concat([Buffer.from([`${line} HTTP/1.1`, `Host: ${host}`, 'Authorization: Bearer of-somebody-else', ...framed, '', ''].join('\r\n'), 'latin1'), Buffer.from(body)])
}

const dropbox = (name: string, path: string, more: Partial<Evasion> & { readonly fields?: readonly string[]; readonly method?: string; readonly body?: string | Buffer } = {}): Evasion => {
  const { fields = [], method = 'POST', body, ...rest } = more
  return { name, host: CONTENT, bytes: request(`${method} ${path}`, CONTENT, [ARG, 'Content-Type: application/octet-stream', ...fields], body), ...rest }
}
const graph = (name: string, line: string, more: Partial<Evasion> & { readonly fields?: readonly string[]; readonly body?: string | Buffer } = {}): Evasion => {
  const { fields = [], body, ...rest } = more
  return { name, host: GRAPH, bytes: request(line, GRAPH, fields, body), ...rest }
}
const drive = (name: string, line: string, fields: readonly string[] = [], body?: string | Buffer, more: Partial<Evasion> = {}): Evasion =>
  ({ name, host: DRIVE, bytes: request(line, DRIVE, fields, body), ...more })

const PATHS: Readonly<Record<string, string>> = {
  'as it is': UPLOAD, 'letters escaped': '/2/files/%75%70load', 'in capitals': '/2/FILES/UPLOAD', 'slashes repeated': '//2//files///upload//',
  'dot segments': '/2/x/../files/./upload', 'dot segments escaped': '/2/x/%2e%2e/files/%2E/upload', 'a slash escaped': '/2/files%2fupload', 'a backslash escaped': '/2/files%5cupload',
  'parameters of segments': '/2;a=b/files;c/upload;v=1', 'parameters and dots': '/2/x/..;/files/upload', 'a semicolon escaped': '/2/files/upload%3bv=1',
  'escaped twice': '/2/files/%2575pload', 'a slash escaped twice': '/2/files%252fupload', 'escaped three times': '/2/files/%252575pload', 'dots escaped twice': '/2/x/%252e%252e/files/upload',
  'a NUL behind': '/2/files/upload%00', 'a NUL and more behind': '/2/files/upload%00.png', 'a NUL within': '/2/files/up%00load', 'a space behind': '/2/files/upload%20', 'a line end behind': '/2/files/upload%0d%0a', 'a tab within': '/2/files/up%09load',
  'a dot behind': '/2/files/upload.', 'a dot escaped behind': '/2/files/upload%2e', 'an overlong slash': '/2/files%c0%afupload', 'an overlong letter': '/2/files/%c1%b5pload', 'Unicode escapes': '/2/files/%u0075pload',
  'fullwidth letters': '/2/files/%EF%BD%95pload', 'a query behind': `${UPLOAD}?x=/2/files/list_folder`, 'an empty query': `${UPLOAD}?`,
}

const OVERRIDES = ['X-HTTP-Method-Override: PUT', 'X-HTTP-Method: PUT', 'X-Method-Override: put', 'x-http-method-override: GET, PUT', 'X_HTTP_Method_Override: PUT', 'X-HTTP_Method-Override: PUT']
const ITEM = '/v1.0/me/drive/root:/a.txt:/content'
const chunked = (body: string, extension = '', trailers = ''): string => `${body.length.toString(16)}${extension}\r\n${body}\r\n0\r\n${trailers}\r\n`
const JSON_TYPE = 'Content-Type: application/json'
const FORM = 'Content-Type: multipart/form-data; boundary=b'
const LARGE = 'x'.repeat(200_000)

export const EVASIONS: readonly Evasion[] = [
  ...Object.entries(PATHS).map(([name, path]) => dropbox(`the path: ${name}`, path)),
  dropbox('the path: a fragment', `${UPLOAD}#/2/files/list_folder`, { malformed: true }),
  dropbox('the path: a backslash', '/2\\files\\upload', { malformed: true }),
  dropbox('the path: no slash first', '2/files/upload', { malformed: true }),
  dropbox('the path: another host in it', `https://api.dropbox.evil.example${UPLOAD}`, { malformed: true }),
  dropbox('the path: absolute, with user info', `https://${CONTENT}@evil.example${UPLOAD}`, { malformed: true }),
  dropbox('the path: absolute, over http', `http://${CONTENT}${UPLOAD}`, { malformed: true }),
  dropbox('the path: absolute', `https://${CONTENT}${UPLOAD}`),

  ...OVERRIDES.map(field => graph(`the method: ${field}`, `POST ${ITEM}`, { fields: [field] })),
  ...OVERRIDES.map(field => graph(`the method: GET and ${field}`, `GET ${ITEM}`, { fields: [field] })),
  ...['$httpMethod=PUT', '_method=put', '%24httpMethod=PUT', '$HTTPMETHOD=PUT', 'a=b;_method=PUT', '_method=GET&_method=PUT', '$method=PUT'].map(query => graph(`the method: ${query}`, `POST ${ITEM}?${query}`)),
  ...['GET', 'DELETE', 'OPTIONS', 'TRACE', 'HEAD', 'QUERY', 'PURGE'].map(method => dropbox(`the method: ${method} with a body`, UPLOAD, { method })),
  dropbox('the method: in lower case', UPLOAD, { method: 'post', malformed: true }),
  dropbox('the method: put in lower case', UPLOAD, { method: 'put', malformed: true }),

  ...['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-URI', 'X-Forwarded-Path', 'X_Original_URL'].map((field): Evasion =>
    ({ name: `the path: ${field}`, host: API, bytes: request('POST /2/users/get_current_account', API, [`${field}: ${UPLOAD}`, JSON_TYPE]), stripped: true })),
  ...['X-Forwarded-Host', 'X-Host', 'X-HTTP-Host-Override', 'Forwarded'].map((field): Evasion =>
    dropbox(`the host: ${field}`, UPLOAD, { fields: [`${field}: ${field === 'Forwarded' ? 'host=' : ''}contoso.example`] })),
  ...[`${CONTENT}.`, CONTENT.toUpperCase(), `${CONTENT}:443`].map((host): Evasion => ({ name: `the host: ${host}`, host: CONTENT, bytes: request(`POST ${UPLOAD}`, host, [ARG]) })),
  ...[`${CONTENT}..`, `user@${CONTENT}`, '\xef\xbd\x83ontent.dropboxapi.com', 'content%2edropboxapi.com', `${CONTENT}:0443`, `${CONTENT}:`, '127.0.0.1', '[::1]', '0x7f.1', `${CONTENT}, evil.example`, `${CONTENT}\x0b`, 'xn--content-.dropboxapi.com']
    .map((host): Evasion => ({ name: `the host: ${JSON.stringify(host)}`, host: CONTENT, bytes: request(`POST ${UPLOAD}`, host, [ARG]) })),
  dropbox('the host: twice', UPLOAD, { fields: [`Host: ${CONTENT}`], malformed: true }),

  dropbox('fields: the argument twice', UPLOAD, { fields: [ARG], malformed: true }),
  dropbox('fields: the length twice', UPLOAD, { fields: ['Content-Length: 0', `Content-Length: ${FILE.length}`], malformed: true }),
  dropbox('fields: Connection names what is decided by', UPLOAD, { fields: ['Connection: close, dropbox-api-arg, content-length, authorization'] }),
  dropbox('fields: Early-Data', UPLOAD, { fields: ['Early-Data: 1'] }),
  dropbox('fields: another user agent', UPLOAD, { fields: ['User-Agent: DropboxDesktopClient/999'] }),
  dropbox('fields: Expect', UPLOAD, { fields: ['Expect: 100-continue'] }),
  dropbox('fields: Expect in other letters', UPLOAD, { fields: ['eXpect: 100-CONTINUE'] }),
  dropbox('fields: an unknown expectation', UPLOAD, { fields: ['Expect: 200-ok'], malformed: true }),
  dropbox('fields: an upgrade to h2c', UPLOAD, { fields: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'] }),
  dropbox('fields: an upgrade to WebSocket', UPLOAD, { fields: ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13'] }),
  dropbox('fields: 250 of them before', UPLOAD, { fields: Array.from({ length: 250 }, (_, i) => `X-${i}: 1`), malformed: true }),
  { name: 'CONNECT within a tunnel', host: CONTENT, bytes: Buffer.concat([Buffer.from(`CONNECT ${CONTENT}:443 HTTP/1.1\r\nHost: ${CONTENT}\r\n\r\n`), request(`POST ${UPLOAD}`, CONTENT, [ARG])]), malformed: true },
  { name: 'pipelined behind a harmless request', host: CONTENT, bytes: Buffer.concat([request('POST /2/files/list_folder', CONTENT, [JSON_TYPE], '{}'), request(`POST ${UPLOAD}`, CONTENT, [ARG])]) },
  { name: 'pipelined behind many harmless ones', host: CONTENT, bytes: Buffer.concat([...Array.from({ length: 20 }, () => request('GET /2/files/list_folder', CONTENT, [], '')), request(`POST ${UPLOAD}`, CONTENT, [ARG])]) },
  { name: 'smuggled: a length beside chunks', host: CONTENT, bytes: request('POST /2/files/list_folder', CONTENT, ['Content-Length: 4', 'Transfer-Encoding: chunked'], `0\r\n\r\n${request(`POST ${UPLOAD}`, CONTENT, [ARG]).toString('latin1')}`), malformed: true },
  dropbox('framing: chunks', UPLOAD, { fields: ['Transfer-Encoding: chunked'], body: chunked(FILE) }),
  dropbox('framing: chunk extensions', UPLOAD, { fields: ['Transfer-Encoding: chunked'], body: chunked(FILE, ';a="b;c"') }),
  dropbox('framing: trailers that tell another name', UPLOAD, { fields: ['Transfer-Encoding: chunked', 'Trailer: Dropbox-API-Arg'], body: chunked(FILE, '', 'Dropbox-API-Arg: {"path":"/b.txt"}\r\n') }),
  dropbox('framing: chunked in other letters', UPLOAD, { fields: ['Transfer-Encoding: Chunked'], body: chunked(FILE) }),
  dropbox('framing: chunked behind another coding', UPLOAD, { fields: ['Transfer-Encoding: gzip, chunked'], body: chunked(FILE), malformed: true }),
  dropbox('framing: chunked twice', UPLOAD, { fields: ['Transfer-Encoding: chunked, chunked'], body: chunked(FILE), malformed: true }),
  dropbox('framing: an empty type', UPLOAD, { fields: ['X-Content-Type: text/plain'] }),

  ...['uploadType=media', 'uploadtype=media', 'UPLOADTYPE=MEDIA', 'upload%54ype=media', 'uploadType=media&uploadType=resumable', 'uploadType=none&uploadType=media', 'upload_protocol=raw', 'x=1;uploadType=media', '']
    .map(query => drive(`the query: ${query || 'nothing'}`, `POST /upload/drive/v3/files?${query}`, ['Content-Type: text/plain'])),
  drive('the path: under its longer name', 'POST /resumable/upload/drive/v3/files?uploadType=media', ['Content-Type: text/plain']),
  drive('the path: an older version', 'POST /upload/drive/v2/files?uploadType=media', ['Content-Type: text/plain']),
  drive('the type: JSON, where it is none', 'POST /upload/drive/v3/files?uploadType=media', [JSON_TYPE], 'not JSON'),
  drive('a batch of Drive', 'POST /batch/drive/v3', ['Content-Type: multipart/mixed; boundary=b'],
    `--b\r\nContent-Type: application/http\r\n\r\nPOST /upload/drive/v3/files?uploadType=media HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n${FILE}\r\n--b--\r\n`),
  drive('a batch of Drive, its boundary in quotes, its method overridden', 'POST /batch/drive/v3', ['Content-Type: Multipart/Mixed; Boundary="b"'],
    `--b\r\nContent-Type: application/http\r\n\r\nGET /upload/drive/v3/files HTTP/1.1\r\nX-HTTP-Method-Override: POST\r\n\r\n${FILE}\r\n--b--\r\n`),
  graph('a batch of Graph', 'POST /v1.0/$batch', { fields: [JSON_TYPE], body: JSON.stringify({ requests: [{ id: '1', method: 'PUT', url: '/me/drive/root:/a.txt:/content', body: btoa(FILE) }] }) }),
  graph('a batch of Graph, its path escaped', 'POST /v1.0/%24batch', { fields: [JSON_TYPE], body: JSON.stringify({ requests: [{ id: '1', method: 'put', url: '/me/drive/root:/a.txt:/%63ontent', body: btoa(FILE) }] }) }),
  graph('a batch of Graph in UTF-16', 'POST /v1.0/$batch', { fields: ['Content-Type: application/json; charset=utf-16le'], body: Buffer.from(`\ufeff${JSON.stringify({ requests: [{ id: '1', method: 'PUT', url: '/me/drive/root:/a.txt:/content', body: btoa(FILE) }] })}`, 'utf16le') }),
  graph('a batch of Graph behind a byte order mark', 'POST /v1.0/$batch', { fields: [JSON_TYPE], body: `\ufeff${JSON.stringify({ requests: [{ id: '1', method: 'PUT', url: '/me/drive/root:/a.txt:/content', body: btoa(FILE) }] })}` }),
  graph('a batch of Graph with a member twice', 'POST /v1.0/$batch', { fields: [JSON_TYPE], body: `{"requests":[],"requests":[{"id":"1","method":"PUT","url":"/me/drive/root:/a.txt:/content","body":"${btoa(FILE)}"}]}` }),
  graph('a batch of Graph under a coding', 'POST /v1.0/$batch', { fields: [JSON_TYPE, 'Content-Encoding: gzip'], body: gzipSync(JSON.stringify({ requests: [{ id: '1', method: 'PUT', url: '/me/drive/root:/a.txt:/content', body: btoa(FILE) }] })) }),
  graph('an item by its path, escaped', `PUT ${ITEM.replace('content', '%63ontent')}`),
  graph('an item by its path, a slash escaped', `PUT ${ITEM.replace(':/content', ':%2Fcontent')}`),
  graph('an item by its path, escaped twice', `PUT ${ITEM.replace(':/content', ':/%2563ontent')}`),
  graph('an item by its path, another version', `PUT ${ITEM.replace('v1.0', 'BETA')}`),
  graph('an item by its path, no version', `PUT ${ITEM.replace('/v1.0', '')}`),

  // A rule by size.
  dropbox('size: chunks', UPLOAD, { policy: 'large', fields: ['Transfer-Encoding: chunked'], body: chunked(LARGE) }),
  dropbox('size: under a coding', UPLOAD, { policy: 'large', fields: ['Content-Encoding: gzip'], body: gzipSync(LARGE) }),
  dropbox('size: under a coding in chunks', UPLOAD, { policy: 'large', fields: ['Content-Encoding: GZIP', 'Transfer-Encoding: chunked'], body: Buffer.from(chunked(gzipSync(LARGE).toString('latin1')), 'latin1') }),
  drive('size: told to be small', 'POST /upload/drive/v3/files?uploadType=media', ['Content-Type: text/plain', 'X-Upload-Content-Length: 3'], LARGE, { policy: 'large' }),
  drive('size: a range that tells less', 'PUT /upload/drive/v3/files?uploadType=resumable&upload_id=a', ['Content-Range: bytes 0-2/3'], LARGE, { policy: 'large' }),
  drive('size: a range that tells more', 'PUT /upload/drive/v3/files?uploadType=resumable&upload_id=b', ['Content-Range: bytes 0-13/200000'], FILE, { policy: 'large' }),
  drive('size: a range of an unknown whole', 'PUT /upload/drive/v3/files?uploadType=resumable&upload_id=c', ['Content-Range: bytes 199986-199999/*'], FILE, { policy: 'large' }),

  // A rule by name.
  ...['{"path":"/s.key","path":"/a.txt"}', '{"path":"/a.txt","path":"/s.key"}', '{"path":"/s\\u002ekey"}', '{"Path":"/a.txt","path":"/s.key"}', '{"path":"/S.KEY"}', '\xef\xbb\xbf{"path":"/s.key"}', '{"path":"/s.key"}x', "{'path':'/s.key'}", '{"path":"/a.txt/../s.key"}']
    .map((arg): Evasion => ({ name: `the name: ${JSON.stringify(arg)}`, host: CONTENT, bytes: request(`POST ${UPLOAD}`, CONTENT, [`Dropbox-API-Arg: ${arg}`]), policy: 'keys' })),
  { name: 'the name: in the query, beside a field', host: CONTENT, bytes: request(`POST ${UPLOAD}?arg=%7B%22path%22%3A%22%2Fs.key%22%7D`, CONTENT, [ARG]), policy: 'keys' },
  ...['filename="a.txt"; filename*=UTF-8\'\'s.key', 'filename*=UTF-8\'\'s%2Ekey', 'filename="s.key"; filename="a.txt"', 'filename=s.key', 'FileName="s.key"', 'filename="s\\.key"', 'filename = "s.key"']
    .map((disposition): Evasion => ({ name: `the name: a form, ${disposition}`, host: 'www.dropbox.com', policy: 'keys',
      bytes: request('POST /upload', 'www.dropbox.com', [FORM], `--b\r\nContent-Disposition: form-data; name="file"; ${disposition}\r\n\r\n${FILE}\r\n--b--\r\n`) })),
  ...['utf-16le', 'utf-16be'].map((charset): Evasion => ({ name: `the name: a finish in ${charset}`, host: API, policy: 'keys',
    bytes: request('POST /2/files/upload_session/finish_batch', API, [`Content-Type: application/json; charset=${charset}`],
      charset === 'utf-16le' ? Buffer.from('{"entries":[{"cursor":{"session_id":"a","offset":3},"commit":{"path":"/s.key"}}]}', 'utf16le') : Buffer.from('{"entries":[{"cursor":{"session_id":"a","offset":3},"commit":{"path":"/s.key"}}]}', 'utf16le').swap16()) })),
]
