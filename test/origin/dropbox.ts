import { randomUUID } from 'node:crypto'
import { accessOf } from './access.ts'
import type { Account } from './accounts.ts'
import type { Content, ContentWriter, Vault } from './content.ts'
import { currentAccount } from './dropbox-account.ts'
import { EndpointError, notFound, sessionError } from './dropbox-errors.ts'
import { argument, headerJson, metadata } from './dropbox-metadata.ts'
import { DropboxPlaces } from './dropbox-places.ts'
import type { View } from './dropbox-places.ts'
import type { Exchange } from './exchange.ts'
import { asObject, list, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { answerTokenRequest } from './oauth.ts'
import { Refusal } from './refusal.ts'
import type { StandIn, StandInOptions } from './stand-in.ts'
import type { Item } from './tree.ts'

const CONTENT_HOST = 'content.dropboxapi.com'
const CONTENT = /^\/2\/files\/(?:alpha\/)?upload$|^\/2\/files\/upload_session\/(?:start|append|append_v2|finish)$|^\/apitul\//

/** "A single request should not upload more than 150 MB." */
const MOST_BYTES = 150 << 20

interface Session { readonly account: Account; readonly writer: ContentWriter; closed: boolean }
type Call = (args: JsonObject, view: View, exchange: Exchange) => unknown

/** Dropbox API v2, as https://www.dropbox.com/developers/documentation/http/documentation tells it. */
export function dropbox(vault: Vault, options: StandInOptions = {}): StandIn {
  let places = new DropboxPlaces()
  let sessions = new Map<string, Session>()
  let links = new Map<string, { readonly view: View; readonly info: JsonObject }>()

  const told = (view: View, item: Item): JsonObject => metadata(places.pathOf(view, item), item)

  const existing = (view: View, path: string, tag = 'path'): Item => {
    const item = places.find(view, path)
    if (item === undefined) throw notFound(tag)
    return item
  }

  const commit = (view: View, args: JsonObject, content: Content): JsonObject => {
    const claimed = text(args, 'content_hash')
    if (claimed !== undefined && claimed !== content.blockHash) {
      throw new EndpointError('content_hash_mismatch/', { '.tag': 'content_hash_mismatch' })
    }
    const { folder, name } = places.place(view, text(args, 'path') ?? '')
    const modified = text(args, 'client_modified')
    return told(view, places.roots.tree.add(folder, { name, content, ...(modified === undefined ? {} : { modified }) }))
  }

  /** The session that a cursor names, if it stands where the cursor says. `within` is the tag around its faults. */
  const session = ({ access }: View, cursor: JsonObject, within?: 'lookup_failed'): Session => {
    const id = text(cursor, 'session_id')
    if (id === undefined || typeof cursor.offset !== 'number') throw new Refusal(400, '', 'cursor: missing session_id or offset')
    const known = sessions.get(id)
    if (known?.account !== access.account) throw sessionError(within, 'not_found')
    if (cursor.offset !== known.writer.size) {
      throw sessionError(within, 'incorrect_offset', { correct_offset: known.writer.size })
    }
    return known
  }

  const open = ({ access: { account } }: View): { id: string; session: Session } => {
    const id = `pid_upload_session:FAKE${randomUUID().replaceAll('-', '')}`
    const made = { account, writer: vault.writer({ blocks: true }), closed: false }
    sessions.set(id, made)
    return { id, session: made }
  }

  /** `mustBeClosed`: "the sessions of a batch have to be closed" by their last append. */
  const finish = async (view: View, entry: JsonObject, mustBeClosed = false): Promise<JsonObject> => {
    const cursor = asObject(entry.cursor)
    const { writer, closed } = session(view, cursor, 'lookup_failed')
    if (mustBeClosed && !closed) throw sessionError('lookup_failed', 'not_closed')
    sessions.delete(text(cursor, 'session_id') ?? '')
    return commit(view, asObject(entry.commit), await writer.finish())
  }

  const finishBatch = async (view: View, args: JsonObject): Promise<JsonObject[]> => {
    const done: JsonObject[] = []
    for (const entry of list(args, 'entries')) {
      try {
        done.push({ ...await finish(view, asObject(entry), true), '.tag': 'success' })
      } catch (error) {
        if (!(error instanceof EndpointError)) throw error
        done.push({ '.tag': 'failure', failure: error.error })
      }
    }
    return done
  }

  const relocate = (view: View, args: JsonObject, how: 'copy' | 'move'): JsonObject => {
    const item = existing(view, text(args, 'from_path') ?? '', 'from_lookup')
    const { folder, name } = places.place(view, text(args, 'to_path') ?? '')
    return { metadata: told(view, places.roots.tree[how](item, folder, name)) }
  }

  /** Calls whose arguments are in a header and whose body is content. */
  const uploads: Readonly<Record<string, Call>> = {
    '/2/files/upload': async (args, view, exchange) => {
      const writer = vault.writer({ blocks: true })
      await exchange.receive(writer)
      return commit(view, args, await writer.finish())
    },
    '/2/files/upload_session/start': async (args, view, exchange) => {
      const made = open(view)
      await exchange.receive(made.session.writer, limited(exchange))
      made.session.closed = args.close === true
      return { session_id: made.id }
    },
    '/2/files/upload_session/append_v2': async (args, view, exchange) => {
      const known = session(view, asObject(args.cursor))
      if (known.closed) throw sessionError(undefined, 'closed')
      await exchange.receive(known.writer, limited(exchange))
      known.closed = args.close === true
      return null
    },
    '/2/files/upload_session/finish': async (args, view, exchange) => {
      const cursor = asObject(args.cursor)
      const { writer } = session(view, cursor, 'lookup_failed')
      await exchange.receive(writer, limited(exchange))
      return finish(view, { ...args, cursor: { ...cursor, offset: writer.size } })
    },
  }

  const calls: Readonly<Record<string, Call>> = {
    '/2/files/upload_session/start_batch': (args, view) => ({
      session_ids: Array.from({ length: Number(args.num_sessions ?? 1) }, () => open(view).id),
    }),
    '/2/files/upload_session/finish_batch_v2': async (args, view) => ({ entries: await finishBatch(view, args) }),
    '/2/files/upload_session/finish_batch': async (args, view) => ({ '.tag': 'complete', entries: await finishBatch(view, args) }),
    '/2/files/get_metadata': (args, view) => told(view, existing(view, text(args, 'path') ?? '')),
    '/2/files/list_folder': (args, view) => {
      const folder = existing(view, text(args, 'path') ?? '')
      const kids = (of: Item): readonly Item[] => places.kids(view, of)
      const below = (of: Item): readonly Item[] => kids(of).flatMap(item => [item, ...below(item)])
      const entries = args.recursive === true ? below(folder) : kids(folder)
      return { entries: entries.map(item => told(view, item)), cursor: `FAKE-${folder.id}`, has_more: false }
    },
    '/2/files/list_folder/continue': () => ({ entries: [], cursor: 'FAKE', has_more: false }),
    '/2/files/list_folder/longpoll': () => ({ changes: false }),
    '/2/files/create_folder_v2': (args, view) => {
      const path = text(args, 'path') ?? ''
      if (places.find(view, path) !== undefined) {
        throw new EndpointError('path/conflict/folder/', { '.tag': 'path', path: { '.tag': 'conflict', conflict: { '.tag': 'folder' } } })
      }
      return { metadata: told(view, places.folderAt(view, path)) }
    },
    '/2/files/delete_v2': (args, view) => {
      const item = existing(view, text(args, 'path') ?? '', 'path_lookup')
      const gone = told(view, item)
      places.roots.tree.remove(item)
      return { metadata: gone }
    },
    '/2/files/copy_v2': (args, view) => relocate(view, args, 'copy'),
    '/2/files/move_v2': (args, view) => relocate(view, args, 'move'),
    '/2/files/get_temporary_upload_link': (args, view) => {
      const id = `FAKEulink${randomUUID().replaceAll('-', '')}`
      links.set(id, { view, info: asObject(args.commit_info) })
      return { link: `https://${CONTENT_HOST}/apitul/1/${id}` }
    },
    '/2/files/save_url': () => ({ '.tag': 'async_job_id', async_job_id: 'FAKEjob' }),
    '/2/sharing/create_shared_link_with_settings': (args, view) => {
      const item = existing(view, text(args, 'path') ?? '')
      return { ...told(view, item), url: `https://www.dropbox.com/s/fake/${encodeURIComponent(item.name)}?dl=0` }
    },
    '/2/users/get_current_account': (_args, { access }) => currentAccount(access.account),
    '/2/users/get_space_usage': () => ({ used: 0, allocation: { '.tag': 'individual', allocated: 1e12 } }),
  }

  const download = async (exchange: Exchange, view: View): Promise<void> => {
    const item = existing(view, text(argument(exchange), 'path') ?? '')
    if (item.content === null) throw new EndpointError('path/not_file/', { '.tag': 'path', path: { '.tag': 'not_file' } })
    await exchange.sendContent(item.content, { 'dropbox-api-result': headerJson(told(view, item)) })
  }

  const temporaryLink = async (exchange: Exchange, id: string): Promise<void> => {
    const link = links.get(id)
    if (link === undefined) return exchange.json(404, { error_summary: 'link_not_found/' })
    links.delete(id)
    const writer = vault.writer({ blocks: true })
    await exchange.receive(writer)
    const content = await writer.finish()
    commit(link.view, link.info, content)
    await exchange.json(200, { 'content-hash': content.blockHash })
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { path, method } = exchange.record
    if (method !== 'POST') return exchange.json(400, { error_summary: 'the stand-in answers POST only' })
    if (/^\/(?:1\/)?oauth2\/token$/.test(path)) return answerTokenRequest(exchange, 'dropbox')
    if (path.startsWith('/apitul/1/')) return temporaryLink(exchange, path.slice('/apitul/1/'.length))
    const access = accessOf(exchange, 'dropbox', options)
    if (access === undefined) {
      return exchange.json(401, { error_summary: 'invalid_access_token/..', error: { '.tag': 'invalid_access_token' } })
    }
    const view = places.view(exchange, access)
    if (path === '/2/files/download') return download(exchange, view)
    const upload = uploads[path.replace('/alpha/', '/')]
    if (upload !== undefined) return exchange.json(200, await upload(argument(exchange), view, exchange))
    const call = calls[path]
    if (call === undefined) return exchange.json(404, { error_summary: `unknown_endpoint/${path}` })
    await exchange.json(200, await call(await exchange.readJson(), view, exchange))
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
          const fault = `Error in call to API function "${exchange.record.path.slice(3)}": ${error.message}`
          return exchange.send(status, { 'content-type': 'text/plain; charset=utf-8' }, fault)
        }
        if (!(error instanceof EndpointError)) throw error
        await exchange.json(error.status, { error_summary: `${error.message}..`, error: error.error })
      }
    },
    stored: () => places.roots.stored('dropbox'),
    reset: () => {
      places = new DropboxPlaces()
      sessions = new Map()
      links = new Map()
    },
  }
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
