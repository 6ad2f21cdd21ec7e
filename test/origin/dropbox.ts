import { randomUUID } from 'node:crypto'
import type { Content, ContentWriter, Vault } from './content.ts'
import { lacksCredentials } from './credentials.ts'
import { EndpointError, notFound, sessionError } from './dropbox-errors.ts'
import { argument, headerJson, metadata } from './dropbox-metadata.ts'
import type { Exchange } from './exchange.ts'
import { asObject, list, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { token } from './oauth.ts'
import { Refusal } from './refusal.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import { Tree } from './tree.ts'
import type { Item } from './tree.ts'

const CONTENT_HOST = 'content.dropboxapi.com'
const CONTENT = /^\/2\/files\/(?:alpha\/)?upload$|^\/2\/files\/upload_session\/(?:start|append|append_v2|finish)$|^\/apitul\//

/** "A single request should not upload more than 150 MB." */
const MOST_BYTES = 150 << 20

interface Session { readonly writer: ContentWriter; closed: boolean }
type Call = (args: JsonObject, exchange: Exchange) => unknown

/** Dropbox API v2, as https://www.dropbox.com/developers/documentation/http/documentation tells it. */
export function dropbox(vault: Vault, options: StandInOptions = {}): StandIn {
  const newTree = (): Tree => new Tree({ id: n => `id:AAAAFAKE${String(n).padStart(6, '0')}`, sameNames: false })
  let tree = newTree()
  let sessions = new Map<string, Session>()
  let links = new Map<string, JsonObject>()

  const find = (path: string): Item | undefined => path.startsWith('id:') ? tree.byId(path) : tree.at(path)

  const existing = (path: string, tag = 'path'): Item => {
    const item = find(path)
    if (item === undefined) throw notFound(tag)
    return item
  }

  const commit = (args: JsonObject, content: Content): JsonObject => {
    const claimed = text(args, 'content_hash')
    if (claimed !== undefined && claimed !== content.blockHash) {
      throw new EndpointError('content_hash_mismatch/', { '.tag': 'content_hash_mismatch' })
    }
    const { folder, name } = place(tree, text(args, 'path') ?? '')
    const modified = text(args, 'client_modified')
    return metadata(tree, tree.add(folder, { name, content, ...(modified === undefined ? {} : { modified }) }))
  }

  /** The session that a cursor names, if it stands where the cursor says. `within` is the tag around its faults. */
  const session = (cursor: JsonObject, within?: 'lookup_failed'): Session => {
    const id = text(cursor, 'session_id')
    if (id === undefined || typeof cursor.offset !== 'number') throw new Refusal(400, '', 'cursor: missing session_id or offset')
    const known = sessions.get(id)
    if (known === undefined) throw sessionError(within, 'not_found')
    if (cursor.offset !== known.writer.size) {
      throw sessionError(within, 'incorrect_offset', { correct_offset: known.writer.size })
    }
    return known
  }

  const open = (): { id: string; session: Session } => {
    const id = `pid_upload_session:FAKE${randomUUID().replaceAll('-', '')}`
    const made = { writer: vault.writer({ blocks: true }), closed: false }
    sessions.set(id, made)
    return { id, session: made }
  }

  /** `mustBeClosed`: "the sessions of a batch have to be closed" by their last append. */
  const finish = async (entry: JsonObject, mustBeClosed = false): Promise<JsonObject> => {
    const cursor = asObject(entry.cursor)
    const { writer, closed } = session(cursor, 'lookup_failed')
    if (mustBeClosed && !closed) throw sessionError('lookup_failed', 'not_closed')
    sessions.delete(text(cursor, 'session_id') ?? '')
    return commit(asObject(entry.commit), await writer.finish())
  }

  const finishBatch = async (args: JsonObject): Promise<JsonObject[]> => {
    const done: JsonObject[] = []
    for (const entry of list(args, 'entries')) {
      try {
        done.push({ ...await finish(asObject(entry), true), '.tag': 'success' })
      } catch (error) {
        if (!(error instanceof EndpointError)) throw error
        done.push({ '.tag': 'failure', failure: error.error })
      }
    }
    return done
  }

  const relocate = (args: JsonObject, how: 'copy' | 'move'): JsonObject => {
    const item = existing(text(args, 'from_path') ?? '', 'from_lookup')
    const { folder, name } = place(tree, text(args, 'to_path') ?? '')
    return { metadata: metadata(tree, tree[how](item, folder, name)) }
  }

  /** Calls whose arguments are in a header and whose body is content. */
  const uploads: Readonly<Record<string, Call>> = {
    '/2/files/upload': async (args, exchange) => {
      const writer = vault.writer({ blocks: true })
      await exchange.receive(writer)
      return commit(args, await writer.finish())
    },
    '/2/files/upload_session/start': async (args, exchange) => {
      const made = open()
      await exchange.receive(made.session.writer, limited(exchange))
      made.session.closed = args.close === true
      return { session_id: made.id }
    },
    '/2/files/upload_session/append_v2': async (args, exchange) => {
      const known = session(asObject(args.cursor))
      if (known.closed) throw sessionError(undefined, 'closed')
      await exchange.receive(known.writer, limited(exchange))
      known.closed = args.close === true
      return null
    },
    '/2/files/upload_session/finish': async (args, exchange) => {
      const cursor = asObject(args.cursor)
      const { writer } = session(cursor, 'lookup_failed')
      await exchange.receive(writer, limited(exchange))
      return finish({ ...args, cursor: { ...cursor, offset: writer.size } })
    },
  }

  const calls: Readonly<Record<string, Call>> = {
    '/2/files/upload_session/start_batch': args => ({
      session_ids: Array.from({ length: Number(args.num_sessions ?? 1) }, () => open().id),
    }),
    '/2/files/upload_session/finish_batch_v2': async args => ({ entries: await finishBatch(args) }),
    '/2/files/upload_session/finish_batch': async args => ({ '.tag': 'complete', entries: await finishBatch(args) }),
    '/2/files/get_metadata': args => metadata(tree, existing(text(args, 'path') ?? '')),
    '/2/files/list_folder': args => {
      const folder = existing(text(args, 'path') ?? '')
      const entries = args.recursive === true ? below(folder) : [...folder.kids.values()]
      return { entries: entries.map(item => metadata(tree, item)), cursor: `FAKE-${folder.id}`, has_more: false }
    },
    '/2/files/list_folder/continue': () => ({ entries: [], cursor: 'FAKE', has_more: false }),
    '/2/files/list_folder/longpoll': () => ({ changes: false }),
    '/2/files/create_folder_v2': args => {
      const path = text(args, 'path') ?? ''
      if (find(path) !== undefined) {
        throw new EndpointError('path/conflict/folder/', { '.tag': 'path', path: { '.tag': 'conflict', conflict: { '.tag': 'folder' } } })
      }
      return { metadata: metadata(tree, tree.folderAt(path)) }
    },
    '/2/files/delete_v2': args => {
      const item = existing(text(args, 'path') ?? '', 'path_lookup')
      const gone = metadata(tree, item)
      tree.remove(item)
      return { metadata: gone }
    },
    '/2/files/copy_v2': args => relocate(args, 'copy'),
    '/2/files/move_v2': args => relocate(args, 'move'),
    '/2/files/get_temporary_upload_link': args => {
      const id = `FAKEulink${randomUUID().replaceAll('-', '')}`
      links.set(id, asObject(args.commit_info))
      return { link: `https://${CONTENT_HOST}/apitul/1/${id}` }
    },
    '/2/files/save_url': () => ({ '.tag': 'async_job_id', async_job_id: 'FAKEjob' }),
    '/2/sharing/create_shared_link_with_settings': args => {
      const item = existing(text(args, 'path') ?? '')
      return { ...metadata(tree, item), url: `https://www.dropbox.com/s/fake/${encodeURIComponent(item.name)}?dl=0` }
    },
    '/2/users/get_current_account': () => ({
      account_id: 'dbid:FAKEaccount', name: { display_name: 'Fay Example' }, email: 'fay@contoso.example', email_verified: true,
      disabled: false, country: 'GB', locale: 'en', account_type: { '.tag': 'business' },
      team: { id: 'dbtid:FAKEteam', name: 'Contoso' },
      root_info: { '.tag': 'user', root_namespace_id: '1', home_namespace_id: '1' },
    }),
    '/2/users/get_space_usage': () => ({ used: 0, allocation: { '.tag': 'individual', allocated: 1e12 } }),
  }

  const download = async (exchange: Exchange): Promise<void> => {
    const item = existing(text(argument(exchange), 'path') ?? '')
    if (item.content === null) throw new EndpointError('path/not_file/', { '.tag': 'path', path: { '.tag': 'not_file' } })
    await exchange.sendContent(item.content, { 'dropbox-api-result': headerJson(metadata(tree, item)) })
  }

  const temporaryLink = async (exchange: Exchange, id: string): Promise<void> => {
    const info = links.get(id)
    if (info === undefined) return exchange.json(404, { error_summary: 'link_not_found/' })
    links.delete(id)
    const writer = vault.writer({ blocks: true })
    await exchange.receive(writer)
    const content = await writer.finish()
    commit(info, content)
    await exchange.json(200, { 'content-hash': content.blockHash })
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { path, method } = exchange.record
    if (method !== 'POST') return exchange.json(400, { error_summary: 'the stand-in answers POST only' })
    if (/^\/(?:1\/)?oauth2\/token$/.test(path)) return exchange.json(200, token())
    if (!path.startsWith('/apitul/') && lacksCredentials(exchange, options)) {
      return exchange.json(401, { error_summary: 'invalid_access_token/..', error: { '.tag': 'invalid_access_token' } })
    }
    if (path.startsWith('/apitul/1/')) return temporaryLink(exchange, path.slice('/apitul/1/'.length))
    if (path === '/2/files/download') return download(exchange)
    const upload = uploads[path.replace('/alpha/', '/')]
    if (upload !== undefined) return exchange.json(200, await upload(argument(exchange), exchange))
    const call = calls[path]
    if (call === undefined) return exchange.json(404, { error_summary: `unknown_endpoint/${path}` })
    await exchange.json(200, await call(await exchange.readJson(), exchange))
  }

  return {
    hosts: [CONTENT_HOST, 'api.dropboxapi.com', 'notify.dropboxapi.com'],
    carriesContent: (_method, path) => CONTENT.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        if (error instanceof Refusal || error instanceof SyntaxError) {
          // Faults of the call itself are told as plain text.
          const status = error instanceof Refusal ? error.status : 400
          const told = `Error in call to API function "${exchange.record.path.slice(3)}": ${error.message}`
          return exchange.send(status, { 'content-type': 'text/plain; charset=utf-8' }, told)
        }
        if (!(error instanceof EndpointError)) throw error
        await exchange.json(409, { error_summary: `${error.message}..`, error: error.error })
      }
    },
    stored: () => [...tree.items()].flatMap(item => item.content === null ? [] : [{
      provider: 'dropbox' as const, path: tree.pathOf(item), name: item.name,
      size: item.content.size, sha256: item.content.sha256,
    }]),
    reset: () => {
      tree = newTree()
      sessions = new Map()
      links = new Map()
    },
  }
}

function below(folder: Item): Item[] {
  return [...folder.kids.values()].flatMap(item => [item, ...below(item)])
}

function place(tree: Tree, path: string): { folder: Item; name: string } {
  const cut = path.lastIndexOf('/')
  const name = path.slice(cut + 1)
  if (cut < 0 || name === '') throw new EndpointError('path/malformed_path/', { '.tag': 'path', reason: { '.tag': 'malformed_path' } })
  return { folder: tree.folderAt(path.slice(0, cut)), name }
}

/** The body of a session's request, as far as Dropbox takes one. */
async function * limited(exchange: Exchange): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of exchange.body()) {
    size += chunk.length
    if (size <= MOST_BYTES) yield chunk
  }
  if (size > MOST_BYTES) throw sessionError(undefined, 'payload_too_large')
}
