import type { Exchange } from './exchange.ts'

/**
 * Pages from which a browser uploads as from the providers' web applications: `GET /web-upload`, a file input, and what
 * happened in `#state` (`idle`, `done`, or `failed: …`). The rows behind them are those of the catalogue that are marked as
 * never seen on the wire of a signed-in page, so the pages show what a browser can do, not what the providers' pages do.
 */
export async function answerWebUpload(exchange: Exchange): Promise<boolean> {
  const { host, method, path } = exchange.record
  const script = method === 'GET' && path === '/web-upload' ? SCRIPTS[host] : undefined
  if (script === undefined) return false
  await exchange.send(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }, pageWith(host, script))
  return true
}

function pageWith(host: string, script: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Upload to ${host}</title>
<h1>Upload to ${host}</h1>
<label>File <input type="file" id="file" multiple></label> <label>Way <input id="way" value="simple"></label>
<p id="state">idle</p>
<script type="module">
const send = async (method, url, body, headers = {}) => {
  const answer = await fetch(url, { method, body, headers, credentials: 'include' })
  if (!answer.ok && answer.status !== 308) throw new Error(answer.status + ' ' + await answer.text())
  return answer
}
const pieces = (file, size) => Array.from({ length: Math.max(Math.ceil(file.size / size), 1) }, (_, i) =>
  ({ from: i * size, blob: file.slice(i * size, (i + 1) * size), last: (i + 1) * size >= file.size }))
const range = ({ from, blob }, file) => ({ 'Content-Range': 'bytes ' + from + '-' + (from + blob.size - 1) + '/' + file.size })
const json = { 'Content-Type': 'application/json' }
${script}
const state = document.querySelector('#state')
document.querySelector('#file').addEventListener('change', async ({ target }) => {
  state.textContent = 'sending'
  try {
    for (const file of target.files) await upload(file, document.querySelector('#way').value)
    state.textContent = 'done'
  } catch (error) {
    state.textContent = 'failed: ' + error.message
  }
})
</script></html>
`
}

/** Each defines `upload(file, way)`; `way` is `simple` or `session` where the provider has both. */
const SCRIPTS: Readonly<Record<string, string>> = {
  'www.dropbox.com': `
const upload = async file => {
  const parts = pieces(file, 4 << 20)
  const tokens = []
  for (const { blob } of parts) {
    const query = new URLSearchParams({ owner_id: '1', reported_block_size: blob.size, num_blocks: parts.length })
    const url = 'https://dl-web.dropbox.com/put_block_returning_token_unauth?' + query
    const answer = await send('POST', url, blob, { 'Content-Type': 'application/octet-stream' })
    tokens.push((await answer.json()).token)
  }
  const query = new URLSearchParams({ name: file.name, reported_total_size: file.size, token: 'FAKE' })
  await send('POST', '/drops/commit_file_request_by_token?' + query, JSON.stringify(tokens), json)
}`,
  'drive.google.com': `
const base = 'https://clients6.google.com/upload/drive/v2internal/files?key=FAKE&alt=json&uploadType='
const auth = { Authorization: 'SAPISIDHASH 1_FAKE' }
const upload = async (file, way) => {
  const metadata = JSON.stringify({ title: file.name, mimeType: file.type || 'application/octet-stream' })
  if (way === 'simple') {
    const boundary = 'fake' + crypto.randomUUID()
    const part = type => '--' + boundary + '\\r\\nContent-Type: ' + type + '\\r\\n\\r\\n'
    const body = new Blob([part('application/json'), metadata, '\\r\\n', part('application/octet-stream'), file, '\\r\\n--' + boundary + '--\\r\\n'])
    await send('POST', base + 'multipart', body, { ...auth, 'Content-Type': 'multipart/related; boundary=' + boundary })
    return
  }
  const started = await send('POST', base + 'resumable', metadata, { ...auth, ...json, 'X-Upload-Content-Length': file.size })
  for (const piece of pieces(file, 8 << 20)) {
    await send('PUT', started.headers.get('location'), piece.blob, file.size === 0 ? {} : range(piece, file))
  }
}`,
  'onedrive.live.com': `
const drive = 'https://my.microsoftpersonalcontent.com/_api/v2.1/drives/a1b2c3d4e5f60718/items/root:/'
const auth = { Authorization: 'WLID1.1 t=FAKE' }
const upload = async (file, way) => {
  const item = drive + encodeURIComponent(file.name) + ':/'
  if (way === 'simple') {
    await send('PUT', item + 'content', file, { ...auth, 'Content-Type': 'application/octet-stream' })
    return
  }
  const answer = await send('POST', item + 'createUploadSession', JSON.stringify({ item: { name: file.name } }), { ...auth, ...json })
  const { uploadUrl } = await answer.json()
  for (const piece of pieces(file, 32 * 320 * 1024)) await send('PUT', uploadUrl, piece.blob, range(piece, file))
}`,
  'contoso.sharepoint.com': `
const web = '/sites/eng/_api/web/'
const quoted = text => "'" + encodeURIComponent(text.replaceAll("'", "''")) + "'"
const upload = async (file, way) => {
  const digest = await send('POST', '/sites/eng/_api/contextinfo', '')
  const auth = { 'X-RequestDigest': (await digest.json()).FormDigestValue, Accept: 'application/json' }
  const folder = web + 'GetFolderByServerRelativePath(decodedurl=' + quoted('/sites/eng/Shared Documents') + ')/Files/'
  const add = folder + 'AddUsingPath(decodedurl=' + quoted(file.name) + ',overwrite=true)'
  if (way === 'simple') {
    await send('POST', add, file, auth)
    return
  }
  await send('POST', add, '', auth)
  const id = "guid'" + crypto.randomUUID() + "'"
  const target = web + 'GetFileByServerRelativePath(decodedurl=' + quoted('/sites/eng/Shared Documents/' + file.name) + ')/'
  for (const { from, blob, last } of pieces(file, 10 << 20)) {
    if (from === 0) await send('POST', target + 'StartUpload(uploadId=' + id + ')', last ? '' : blob, auth)
    else if (!last) await send('POST', target + 'ContinueUpload(uploadId=' + id + ',fileOffset=' + from + ')', blob, auth)
    if (last) await send('POST', target + 'FinishUpload(uploadId=' + id + ',fileOffset=' + from + ')', blob, auth)
  }
}`,
}
