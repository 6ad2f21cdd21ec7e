/** Upload sessions as rclone and the SDKs open and fill them, request by request. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { proxyAgent } from '../origin/proxy-agent.ts'

const GRAPH = 'https://graph.microsoft.com/v1.0/me/drive/root:/sessions'
export const DRIVE = 'https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable'
const DROPBOX = 'https://content.dropboxapi.com/2/files/upload_session'
export const UNIT = 320 * 1024

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A proxy and the CA that its clients trust. */
export type Via = { readonly proxy: string; readonly caFile: string }

/** One request through the proxy, on a connection of its own. */
export async function ask(via: Via, method: string, url: string, headers: Readonly<Record<string, string>> = {}, body: string | Buffer = ''): Promise<Answer> {
  const agent = proxyAgent(via.proxy, await readFile(via.caFile, 'utf8'))
  // A body of untold length, where a test says so.
  const length: Readonly<Record<string, string>> = headers['transfer-encoding'] === undefined ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers: { ...length, ...headers } }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (chunk: Buffer) => parts.push(chunk))
      response.on('end', () => {
        agent.destroy()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString('utf8') })
      })
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const BEARER = { authorization: 'Bearer FAKE' }
export const JSON_TYPE = { ...BEARER, 'content-type': 'application/json' }

/** Opens a session on Graph; the address that takes the chunks. */
export async function startGraph(via: Via, name: string): Promise<string> {
  const { status, body } = await ask(via, 'POST', `${GRAPH}/${name}:/createUploadSession`, JSON_TYPE, '{"item":{}}')
  if (status !== 200) throw new Error(`${status} ${body}`)
  return String(JSON.parse(body).uploadUrl)
}

/** One chunk, without a bearer token, as the address demands. */
export function putChunk(via: Via, url: string, first: number, bytes: number, total: number | '*'): Promise<Answer> {
  return ask(via, 'PUT', url, { 'content-range': `bytes ${first}-${first + bytes - 1}/${total}` }, Buffer.alloc(bytes, 7))
}

export async function startDrive(via: Via, name: string): Promise<string> {
  const { status, headers, body } = await ask(via, 'POST', DRIVE, JSON_TYPE, JSON.stringify({ name }))
  if (status !== 200) throw new Error(`${status} ${body}`)
  return String(headers.location)
}

export async function startDropbox(via: Via): Promise<string> {
  const { status, body } = await callDropbox(via, 'start', { close: false }, '')
  if (status !== 200) throw new Error(`${status} ${body}`)
  return String(JSON.parse(body).session_id)
}

export function callDropbox(via: Via, call: string, arg: unknown, body: string | Buffer): Promise<Answer> {
  return ask(via, 'POST', `${DROPBOX}/${call}`, {
    ...BEARER, 'content-type': 'application/octet-stream', 'dropbox-api-arg': JSON.stringify(arg), 'transfer-encoding': 'chunked',
  }, body)
}
