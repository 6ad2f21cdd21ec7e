import type { Content, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'

const HASHES = { md5: true, sha1: true }
const CHUNK = /^([^/]+)(?:\/([^/]+))?\/?$/

/**
 * Nextcloud's upload in chunks (https://docs.nextcloud.com/server/latest/developer_manual/client_apis/WebDAV/chunking.html):
 * a folder is made, chunks are put into it, and moving `.file` out of it makes them one file.
 */
export class NextcloudChunks {
  #uploads = new Map<string, Parts>()
  readonly #vault: Vault

  constructor(vault: Vault) {
    this.#vault = vault
  }

  reset(): void {
    this.#uploads = new Map()
  }

  /** One request below the uploads folder, `path` relative to it. Returns the whole content, to be stored, after a MOVE. */
  async proceed(exchange: Exchange, path: string): Promise<Content | null> {
    const { method } = exchange.record
    const [, id = '', name] = CHUNK.exec(path) ?? []
    if (method === 'MKCOL' && name === undefined) {
      await exchange.drain()
      if (this.#uploads.has(id)) throw new Refusal(405, 'MethodNotAllowed', 'The resource you tried to create already exists')
      this.#uploads.set(id, new Parts())
      await exchange.empty(201)
      return null
    }
    const parts = this.#uploads.get(id)
    if (parts === undefined) throw new Refusal(404, 'NotFound', `File with name ${id} could not be located`)
    switch (method) {
      case 'PUT': {
        if (name === undefined || name === '.file') throw new Refusal(409, 'Conflict', 'a chunk needs a name of its own')
        const writer = this.#vault.writer(HASHES)
        await exchange.receive(writer)
        await parts.put(name, await writer.finish())
        await exchange.empty(201)
        return null
      }
      case 'DELETE':
        this.#uploads.delete(id)
        await parts.drop()
        await exchange.empty(204)
        return null
      case 'MOVE': return this.#assemble(exchange, id, name, parts)
      default: throw new Refusal(405, 'MethodNotAllowed', `the stand-in does not know ${method} here`)
    }
  }

  async #assemble(exchange: Exchange, id: string, name: string | undefined, parts: Parts): Promise<Content> {
    if (name !== '.file') throw new Refusal(403, 'Forbidden', 'only .file can be moved out of an upload')
    const total = exchange.header('oc-total-length')
    if (total !== undefined && Number(total) !== parts.size()) {
      throw new Refusal(400, 'BadRequest', `Chunks on server do not sum up to ${total} but to ${parts.size()} bytes`)
    }
    // Numbered with leading zeros or without them.
    const names = [...parts.names()].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    this.#uploads.delete(id)
    return parts.join(this.#vault, names, HASHES)
  }
}
