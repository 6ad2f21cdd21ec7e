/** Requests of an account straight to the stand-in, for its own tests. */
import { refreshToken } from './accounts.ts'
import type { AccountName, AccountSystem } from './accounts.ts'
import { isObject } from './json.ts'
import type { Origin } from './origin.ts'
import { ask } from './requests.ts'
import type { Answered, Asked } from './requests.ts'

export const TOKEN_ADDRESSES = {
  dropbox: 'https://api.dropboxapi.com/oauth2/token', google: 'https://oauth2.googleapis.com/token',
  microsoft: 'https://login.microsoftonline.com/common/oauth2/v2.0/token', box: 'https://api.box.com/oauth2/token',
} as const
export const SYSTEMS = ['dropbox', 'google', 'microsoft', 'box'] as const
export const NAMES = ['contoso', 'fabrikam', 'consumer'] as const
export const GRAPH = 'https://graph.microsoft.com/v1.0'
export const DRIVE = 'https://www.googleapis.com/drive/v3'

type Form = Readonly<Record<string, string>>

export function bearer(token: string, more: Form = {}): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}`, ...more } }
}

/** What clients ask of the providers, and one small upload to each. */
export class AccountCalls {
  readonly #origin: Origin

  constructor(origin: Origin) {
    this.#origin = origin
  }

  async json(url: string, options: Asked = {}): Promise<Record<string, unknown>> {
    const value: unknown = JSON.parse((await ask(this.#origin, url, options)).text)
    return isObject(value) ? { ...value } : {}
  }

  grant(url: string, form: Form): Promise<Record<string, unknown>> {
    return this.json(url, { method: 'POST', body: new URLSearchParams(form).toString() })
  }

  refresh(url: string, refresh_token: string, more: Form = {}): Promise<Record<string, unknown>> {
    return this.grant(url, { grant_type: 'refresh_token', refresh_token, client_id: 'fake', ...more })
  }

  /** An access token, got as clients do. */
  async tokenOf(name: AccountName, system: AccountSystem, more: Form = {}): Promise<string> {
    return String((await this.refresh(TOKEN_ADDRESSES[system], refreshToken(name, system), more)).access_token)
  }

  dropbox(token: string, path: string, body: unknown = null): Promise<Answered> {
    return ask(this.#origin, `https://api.dropboxapi.com/2/${path}`, { method: 'POST', body: JSON.stringify(body), ...bearer(token) })
  }

  /** `namespace`: below which the path is. */
  dropboxUpload(token: string, path: string, namespace?: string): Promise<Answered> {
    const root = namespace === undefined ? {} : { 'dropbox-api-path-root': `{".tag": "namespace_id", "namespace_id": "${namespace}"}` }
    return this.dropboxContent(token, 'upload', { path }, root)
  }

  dropboxContent(token: string, path: string, arg: unknown, more: Form = {}): Promise<Answered> {
    return ask(this.#origin, `https://content.dropboxapi.com/2/files/${path}`, {
      method: 'POST', body: 'hello', ...bearer(token, { 'dropbox-api-arg': JSON.stringify(arg), ...more }),
    })
  }

  graphPut(token: string, path: string): Promise<Answered> {
    return ask(this.#origin, `${GRAPH}${path}`, { method: 'PUT', body: 'hello', ...bearer(token) })
  }

  driveUpload(token: string, metadata: unknown): Promise<Answered> {
    const part = (type: string, body: string): string => `--b\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`
    return ask(this.#origin, 'https://www.googleapis.com/upload/drive/v3/files?uploadType=multipart', {
      method: 'POST', body: `${part('application/json', JSON.stringify(metadata))}${part('text/plain', 'hello')}--b--\r\n`,
      ...bearer(token, { 'content-type': 'multipart/related; boundary=b' }),
    })
  }

  boxUpload(token: string, parent: string): Promise<Answered> {
    const attributes = JSON.stringify({ name: 'a.txt', parent: { id: parent } })
    return ask(this.#origin, 'https://upload.box.com/api/2.0/files/content', {
      method: 'POST', ...bearer(token, { 'content-type': 'multipart/form-data; boundary=b' }),
      body: `--b\r\nContent-Disposition: form-data; name="attributes"\r\n\r\n${attributes}\r\n` +
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n',
    })
  }
}
