import { Parts } from './parts.ts'
import type { Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import type { Drive } from './graph-drives.ts'
import { Refusal } from './refusal.ts'
import type { Item } from './tree.ts'

const API = /\/_api\/(?:web|contextinfo)(?:\/|$)/i
const CALL = /\/_api\/web\/(\w+)\((.*?)\)\/(.+)$/i
const ADD = /^files\/(?:add|addusingpath|addstubusingpath)\((.*)\)$/i
const UPLOAD = /^(startupload|continueupload|finishupload|cancelupload)\((.*)\)$/i
const LIBRARY = /^(?:shared )?documents(?=\/|$)/i

interface Session { readonly parts: Parts; size: number }

/**
 * SharePoint's older REST API, as far as its page uploads with it: a request digest, `Files/AddUsingPath`, and
 * `StartUpload`, `ContinueUpload`, `FinishUpload` on a file
 * (https://learn.microsoft.com/sharepoint/dev/sp-add-ins/working-with-folders-and-files-with-rest).
 */
export class SharePointRest {
  #sessions = new Map<string, Session>()
  readonly #vault: Vault

  constructor(vault: Vault) {
    this.#vault = vault
  }

  static is(path: string): boolean {
    return API.test(path)
  }

  /** Whether a path is that of a call whose body is content. */
  static carriesContent(path: string): boolean {
    return API.test(path) && /\/(?:add(?:usingpath)?|startupload|continueupload|finishupload)\(/i.test(path)
  }

  reset(): void {
    this.#sessions = new Map()
  }

  async handle(exchange: Exchange, drive: Drive): Promise<void> {
    const path = decodeURIComponent(exchange.record.path)
    if (/\/_api\/contextinfo$/i.test(path)) {
      await exchange.drain()
      return exchange.json(200, { FormDigestValue: '0xFAKE,01 Jan 2026 00:00:00 -0000', FormDigestTimeoutSeconds: 1800 })
    }
    if (exchange.header('x-requestdigest') === undefined) throw new Refusal(403, 'accessDenied', 'The security validation for this page is invalid.')
    const call = CALL.exec(path)
    if (call === null) throw new Refusal(404, 'itemNotFound', `the stand-in has no ${path}`)
    const [, on = '', target = '', action = ''] = call
    const place = relative(drive, argument(exchange, target, on.toLowerCase().endsWith('path') ? 'decodedurl' : undefined))
    const add = ADD.exec(action)
    if (add !== null) {
      const folder = folderAt(drive, place)
      const name = argument(exchange, add[1] ?? '', /path/i.test(action) ? 'decodedurl' : 'url')
      if (name === '' || name.includes('/')) throw new Refusal(400, 'invalidRequest', 'the name is missing or no name')
      const writer = this.#vault.writer()
      await exchange.receive(writer)
      return reply(exchange, drive, drive.tree.add(folder, { name, content: await writer.finish() }))
    }
    const upload = UPLOAD.exec(action)
    if (upload === null) throw new Refusal(400, 'invalidRequest', `the stand-in does not know ${action}`)
    return this.#upload(exchange, drive, place, (upload[1] ?? '').toLowerCase(), upload[2] ?? '')
  }

  async #upload(exchange: Exchange, drive: Drive, place: string, step: string, given: string): Promise<void> {
    const id = argument(exchange, given, 'uploadid')
    if (step === 'startupload') {
      if (drive.tree.at(place) === undefined) throw new Refusal(404, 'itemNotFound', `the file ${place} is not there; add it first`)
      this.#sessions.set(id, { parts: new Parts(), size: 0 })
    }
    const session = this.#sessions.get(id)
    if (session === undefined) throw new Refusal(404, 'itemNotFound', 'there is no such upload')
    if (step === 'cancelupload') {
      this.#sessions.delete(id)
      await session.parts.drop()
      return exchange.json(200, { value: '' })
    }
    const offset = step === 'startupload' ? 0 : Number(/fileoffset=(\d+)/i.exec(given)?.[1] ?? NaN)
    if (offset !== session.size) throw new Refusal(409, 'invalidRange', `fileOffset has to be ${session.size}`)
    const writer = this.#vault.writer()
    await exchange.receive(writer)
    const content = await writer.finish()
    await session.parts.put(String(offset), content)
    session.size += content.size
    if (step !== 'finishupload') return exchange.json(200, { value: String(session.size) })
    this.#sessions.delete(id)
    const whole = await session.parts.join(this.#vault, session.parts.names())
    const item = drive.tree.at(place)
    if (item === undefined) throw new Refusal(404, 'itemNotFound', `the file ${place} is gone`)
    return reply(exchange, drive, drive.tree.replace(item, whole))
  }
}

/** A quoted argument of a call: the named one, or the only one. `@x` points into the query; quotes are doubled inside. */
function argument(exchange: Exchange, given: string, name: string | undefined): string {
  const pattern = new RegExp(`${name === undefined ? '^' : `(?:^|,)\\s*${name}\\s*=\\s*`}(?:guid)?(@\\w+|'(?:[^']|'')*')`, 'i')
  const found = pattern.exec(given)?.[1]
  if (found === undefined) throw new Refusal(400, 'invalidRequest', `the argument ${name ?? ''} is missing`)
  const value = found.startsWith('@') ? exchange.query.get(found) ?? '' : found
  return value.replace(/^(?:guid)?'|'$/g, '').replaceAll("''", "'")
}

/** A server-relative address, relative to the drive's library. */
function relative(drive: Drive, path: string): string {
  const below = path.startsWith(`${drive.base}/`) ? path.slice(drive.base.length + 1) : path.replace(/^\//, '')
  return below.replace(LIBRARY, '')
}

function folderAt(drive: Drive, path: string): Item {
  const folder = drive.tree.at(path)
  if (folder === undefined || folder.content !== null) throw new Refusal(404, 'itemNotFound', `the folder ${path} is not there`)
  return folder
}

async function reply(exchange: Exchange, drive: Drive, item: Item): Promise<void> {
  await exchange.json(200, {
    'odata.type': 'SP.File', Name: item.name, Length: String(item.content?.size ?? 0), UniqueId: item.id,
    ServerRelativeUrl: `${drive.base}/Shared Documents${drive.tree.pathOf(item)}`, TimeLastModified: item.modified,
  })
}
