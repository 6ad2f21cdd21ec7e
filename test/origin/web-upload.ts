import type { Exchange } from './exchange.ts'

/**
 * Pages from which a browser uploads as from the providers' web applications: `GET /web-upload`, a file input and a place
 * to drop files on, which go up together, each file's content by XMLHttpRequest with its progress watched; what happened
 * stands in `#state` (`idle`, `done`, or `failed: …`, a line a file). `GET /upload-form` has a form without script. The
 * rows behind them are those of the catalogue that are marked as never seen on the wire of a signed-in page, so the pages
 * show what a browser can do, not what the providers' pages do.
 */
export async function answerWebUpload(exchange: Exchange): Promise<boolean> {
  const { host, method, path } = exchange.record
  const page = method !== 'GET' ? undefined : path === '/web-upload' ? scripted(host) : path === '/upload-form' ? form(host) : undefined
  if (page === undefined) return false
  await exchange.send(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }, page)
  return true
}

function form(host: string): string | undefined {
  const action = FORMS[host]
  return action === undefined ? undefined : `${top(host)}
<form method="post" enctype="multipart/form-data" action="${action}"><input type="hidden" name="dest" value="/">
<label>File <input type="file" id="file" name="file"></label> <button>Upload</button></form></html>
`
}

function top(host: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Upload to ${host}</title><h1>Upload to ${host}</h1>`
}

function scripted(host: string): string | undefined {
  const script = SCRIPTS[host]
  return script === undefined ? undefined : `${top(host)}
<label>File <input type="file" id="file" multiple></label> <label>Way <input id="way" value="simple"></label>
<p id="drop" style="height:8em;border:1px dashed">or drop files here</p>
<pre id="state">idle</pre>
<script type="module">
const watched = (method, url, body, headers) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest()
  request.open(method, url)
  request.withCredentials = true
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
  request.upload.addEventListener('progress', ({ loaded, total }) => { document.title = loaded + ' of ' + total })
  request.addEventListener('error', () => reject(new Error('no answer')))
  request.addEventListener('load', () => {
    const { status, responseText } = request
    resolve({ status, ok: status >= 200 && status < 300, text: async () => responseText, json: async () => JSON.parse(responseText) })
  })
  request.send(body)
})
const send = async (method, url, body, headers = {}) => {
  const answer = body instanceof Blob ? await watched(method, url, body, headers)
    : await fetch(url, { method, body, headers, credentials: 'include', ...(body instanceof ReadableStream ? { duplex: 'half' } : {}) })
  if (!answer.ok && answer.status !== 308) throw new Error(answer.status + ' ' + await answer.text())
  return answer
}
const pieces = (file, size) => Array.from({ length: Math.max(Math.ceil(file.size / size), 1) }, (_, i) =>
  ({ from: i * size, blob: file.slice(i * size, (i + 1) * size), last: (i + 1) * size >= file.size }))
const range = ({ from, blob }, file) => ({ 'Content-Range': 'bytes ' + from + '-' + (from + blob.size - 1) + '/' + file.size })
const json = { 'Content-Type': 'application/json' }
${script}
const [input, way, drop, state] = ['#file', '#way', '#drop', '#state'].map(id => document.querySelector(id))
const take = async files => {
  state.textContent = 'sending'
  const ends = await Promise.allSettled(Array.from(files, file => upload(file, way.value)))
  const failures = ends.flatMap(({ reason }) => reason === undefined ? [] : ['failed: ' + reason.message])
  state.textContent = failures.join('\\n') || 'done'
}
input.addEventListener('change', () => take(input.files))
drop.addEventListener('dragover', event => event.preventDefault())
drop.addEventListener('drop', event => {
  event.preventDefault()
  take(event.dataTransfer.files)
})
</script></html>
`
}

/** Where a form without script goes. */
const FORMS: Readonly<Record<string, string>> = {
  'www.dropbox.com': 'https://dl-web.dropbox.com/upload',
  'contoso.sharepoint.com': '/sites/eng/_layouts/15/UploadEx.aspx',
}

/**
 * Each defines `upload(file, way)`; `way` is `simple` or `session` where the provider has both, or `stream`: as `simple`,
 * its length not told (https://developer.chrome.com/docs/capabilities/web-apis/fetch-streaming-requests, HTTP/2 only).
 */
const SCRIPTS: Readonly<Record<string, string>> = {
  'www.dropbox.com': `
const upload = async file => {
  const parts = pieces(file, 4 << 20)
  const tokens = []
  for (const { blob } of parts) {
    const query = new URLSearchParams({ owner_id: '1', reported_block_size: blob.size, num_blocks: parts.length })
    const url = 'https://dl-web.dropbox.com/put_block_returning_token_unauth?' + query
    const answer = await send('POST', url, blob, { 'Content-Type': 'application/octet-stream' })
    tokens.push((await answer.json()).block_token)
  }
  const query = new URLSearchParams({ name: file.name, reported_total_size: file.size, token: 'FAKE' })
  await send('POST', '/drops/commit_file_request_by_token?' + query, JSON.stringify(tokens), { 'Content-Type': 'application/octet-stream' })
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
  if (way !== 'session') {
    await send('PUT', item + 'content', way === 'stream' ? file.stream() : file, { ...auth, 'Content-Type': 'application/octet-stream' })
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
  if (way !== 'session') {
    await send('POST', add, way === 'stream' ? file.stream() : file, auth)
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
