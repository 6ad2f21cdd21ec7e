/** Words that mean something to some recogniser: hosts and paths of the catalogue, fields, and what tears parsers apart. */
import type { ProviderModule } from '../../policy/providers/provider.ts'

const WORDS = [
  'GET ', 'PUT ', 'POST ', 'PATCH ', 'DELETE ', 'PROPFIND ', 'MKCOL ', 'MOVE ', 'HTTP/2', 'HTTP/1.0', '\n', '\n\n', ': ', ', ', '; ', '&', '=', '?', '/', '//', '/../', '/./', '%2f', '%2F', '%5c',
  '%25', '%00', '%c3', '%u0075', '%e2%80%ae', ';v=1', '\'', '"', '(', ')', ':/', ':', '@', '{', '}', '[', ']', '\\', '\\u0000', '\\ud800', 'null', 'true', '-1', '1e999', '__proto__', '+', '\x00', '\xff',
  '\nhost: ', '\ncontent-length: 20000', '\ncontent-length: 5', '\ntransfer-encoding: chunked', '\ncontent-encoding: gzip', '\ncontent-type: application/json',
  '\ncontent-type: multipart/related; boundary=b', '\ncontent-type: multipart/form-data; boundary="b"', '\ncontent-type: multipart/mixed; boundary=b', '\n--b\r\n', '\n--b--\r\n', '\r\n\r\n',
  'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n', 'filename*=UTF-8\'\'a%20b', '\ncontent-range: bytes 0-9/20', '\ncontent-range: bytes */*', '\nx-http-method-override: PUT',
  '\nx-http-method: PUT', '\nx-upload-content-length: 5', '\nx-upload-content-type: text/plain', '\nx-goog-upload-command: start', '\nx-goog-upload-protocol: resumable', '\nx-goog-upload-offset: 9',
  '\nx-goog-upload-file-name: a', '\ndropbox-api-arg: {"path":"/a.txt"}', '\nauthorization: Bearer ', '\nauthorization: Basic YTpi', 'eyJhbGciOiJub25lIn0.eyJ0aWQiOiJ4In0.', '\ncookie: ', '\nx-ms-blob-type: BlockBlob',
  '\nx-ms-copy-source: https://a.example/', '\nx-amz-copy-source: /b/k', '\nx-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD', '\nx-amz-decoded-content-length: 9', '\ndestination: https://dav.example/a',
  '\noc-total-length: 9', '\noc-chunked: 1', '\nupload-offset: 0', '\ntus-resumable: 1.0.0', '\nslug: a', '\nx-requestdigest: 1', '\nexpect: 100-continue', '\nupgrade: websocket', '\n:authority: ',
  '?uploadType=resumable', '&upload_id=1', '?uploadType=multipart', '?alt=media', '?comp=block&blockid=', '?comp=blocklist', '?uploads', '?partNumber=1&uploadId=', '?$httpMethod=PUT', '?_method=put', '?access_token=',
  '?sv=1&sig=1', '?X-Amz-Signature=1', '?X-Goog-Signature=1', '{"requests":[{"id":"1","method":"PUT","url":"/me/drive/root:/a:/content","body":"YQ=="}]}', '"@microsoft.graph.sourceUrl":', '"name":"a.txt"', '"size":9',
  '"cursor":{"session_id":"1","offset":9}', '"entries":[', '"a":"s","a":"u"',
] as const

export function requestWords(modules: readonly ProviderModule[]): string[] {
  const hosts = modules.flatMap(({ hosts }) => hosts.map(({ pattern }) => pattern.replaceAll('*', 'contoso')))
  const paths = modules.flatMap(({ endpoints = [] }) => endpoints.map(({ path }) => path)).map(plain).filter(path => path.length > 2 && path.length < 120)
  return [...new Set([...WORDS, ...hosts, ...paths])]
}

/** About what a pattern of paths stands for. */
function plain(pattern: string): string {
  return pattern.replace(/\(\?<\w+>[^)]*\)|\{[^}]*\}|\[[^\]]*\][+*]?/g, 'x').replace(/\(\?:([^|)]*)[^)]*\)[?*+]?/g, '$1').replace(/[\\^$?]/g, '')
}
