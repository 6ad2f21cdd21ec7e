/** A world in which contoso is the organisation's own, and requests through its proxy that tests write themselves. */
import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { ACCOUNTS } from '../origin/accounts.ts'
import { proxyAgent } from '../origin/proxy-agent.ts'
import { eventsSoFar } from './recorded.ts'
import type { Recorded } from './recorded.ts'
import type { World, WorldOptions } from './world.ts'
import { startWorld } from './world.ts'

/** Uploads to the organisation's own accounts pass; everything else is refused. */
export const STRICT = {
  default: 'allow', unknownTenant: 'block',
  rules: [
    { id: 'own', when: { activity: 'upload', tenant: 'sanctioned' }, action: 'allow' },
    {
      id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block',
      message: 'Company files go to the company account.',
    },
  ],
}

export async function startStrict(config: NonNullable<WorldOptions['config']> = {}): Promise<World> {
  const world = await startWorld({ config })
  await allowContoso(world)
  await world.setPolicy(STRICT)
  return world
}

/** Lists contoso by one name of each account system, and Microsoft's directory beside its SharePoint name. */
export async function allowContoso({ api }: Pick<World, 'api'>): Promise<void> {
  const { dropbox, microsoft, box, organisation } = ACCOUNTS.contoso
  const list: [string, string, string[]][] = [
    ['dropbox', dropbox.team ?? '', []], ['google', organisation?.domain ?? '', []],
    ['microsoft', microsoft.sharePoint ?? '', [microsoft.directory]], ['box', box.enterprise ?? '', []],
  ]
  for (const [account, id, aliases] of list) {
    const answer = await api('PUT', `/v1/tenants/${account}/${encodeURIComponent(id)}`, { aliases })
    if (!answer.ok) throw new Error(await answer.text())
  }
}

export type Fields = readonly (readonly [name: string, value: string])[]

export interface Sent {
  readonly method?: string
  /** As they are written, repeated ones too. */
  readonly fields?: Fields
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly location: string | undefined
}

/** A proxy, and the CA that its clients trust. */
type Through = Pick<World, 'proxy' | 'caFile'>

/** Sends one request through the proxy over a connection of its own. Its path goes as it is written. */
export function send(world: Through, url: string, { method = 'GET', fields = [], body = '' }: Sent = {}): Promise<Answer> {
  const { host } = new URL(url)
  const agent = proxyAgent(world.proxy, readFileSync(world.caFile, 'utf8'))
  const length: Fields = method === 'GET' ? [] : [['content-length', String(Buffer.byteLength(body))]]
  const all: Fields = [['host', host], ...fields, ...length]
  return new Promise<Answer>((resolve, reject) => {
    const path = url.slice(url.indexOf('/', 'https://'.length))
    const request = httpsRequest({ host, path, method, agent, headers: all.flat() }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text, location: response.headers.location }))
      response.once('error', reject)
    })
    request.once('error', reject)
    request.end(body)
  }).finally(() => agent.destroy())
}

export const bearer = (token: string): readonly [string, string] => ['authorization', `Bearer ${token}`]

const TOKEN_ADDRESSES = {
  dropbox: 'https://api.dropboxapi.com/oauth2/token', google: 'https://oauth2.googleapis.com/token',
  microsoft: 'https://login.microsoftonline.com/common/oauth2/v2.0/token', box: 'https://api.box.com/oauth2/token',
} as const

/** Has a refresh token or code (`key`) taken through the proxy, as a client does; the answer passes Sluice. */
export async function takeToken(
  world: Through, system: keyof typeof TOKEN_ADDRESSES, grant: string, key = 'refresh_token',
): Promise<string> {
  const grant_type = key === 'code' ? 'authorization_code' : key
  const form = new URLSearchParams({ grant_type, [key]: grant, client_id: 'fake' })
  const { status, text } = await send(world, TOKEN_ADDRESSES[system], {
    method: 'POST', fields: [['content-type', 'application/x-www-form-urlencoded']], body: form.toString(),
  })
  const answer: unknown = JSON.parse(text)
  if (status !== 200 || typeof answer !== 'object' || answer === null || !('access_token' in answer)) {
    throw new Error(`${system}: ${status} ${text}`)
  }
  return String(answer.access_token)
}

/** What was decided about the latest request. */
export async function latest(world: Pick<World, 'dir' | 'proxy' | 'caFile'>): Promise<Recorded['sluice'] | undefined> {
  return (await eventsSoFar(world)).at(-1)?.sluice
}

const DRIVE = 'https://www.googleapis.com/upload/drive/v3/files'

/** A small file's way to each provider, with the fields that the test gives it beside the provider's own. */
export const uploads = {
  dropbox: (world: Through, fields: Fields, query = '', path = '/a.txt'): Promise<Answer> =>
    send(world, `https://content.dropboxapi.com/2/files/upload${query}`, {
      method: 'POST', body: 'hello',
      fields: [...fields, ['content-type', 'application/octet-stream'], ['dropbox-api-arg', JSON.stringify({ path })]],
    }),
  google: (world: Through, fields: Fields, query = '', metadata: unknown = { name: 'a.txt' }): Promise<Answer> => {
    const part = (type: string, text: string): string => `--b\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`
    return send(world, `${DRIVE}?uploadType=multipart${query}`, {
      method: 'POST', body: `${part('application/json', JSON.stringify(metadata))}${part('text/plain', 'hello')}--b--\r\n`,
      fields: [...fields, ['content-type', 'multipart/related; boundary=b']],
    })
  },
  microsoft: (world: Through, fields: Fields, drive = '/me/drive'): Promise<Answer> =>
    send(world, `https://graph.microsoft.com/v1.0${drive}/root:/a.txt:/content`, { method: 'PUT', body: 'hello', fields }),
  box: (world: Through, fields: Fields, folder = '0'): Promise<Answer> => send(world, 'https://upload.box.com/api/2.0/files/content', {
    method: 'POST', fields: [...fields, ['content-type', 'multipart/form-data; boundary=b']],
    body: '--b\r\nContent-Disposition: form-data; name="attributes"\r\n\r\n' +
      `${JSON.stringify({ name: 'a.txt', parent: { id: folder } })}\r\n` +
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n',
  }),
}

export const RESUMABLE = `${DRIVE}?uploadType=resumable`
