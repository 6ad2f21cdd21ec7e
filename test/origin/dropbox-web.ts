import { randomUUID } from 'node:crypto'
import type { Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { readRelated } from './multipart.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { StandIn, StoredFile } from './stand-in.ts'

const PAGE = 'www.dropbox.com'
const BLOCKS = 'dl-web.dropbox.com'
/** The page cuts files into blocks of 4 MiB at most. */
const BLOCK_BYTES = 4 << 20
const PUT_BLOCK = /^\/put_block(?:_returning_token(?:_unauth)?)?$/
const COMMIT = '/drops/commit_file_request_by_token'
const FORM = '/upload'

/**
 * Dropbox's web page, as far as it uploads: blocks to one host, which answers with tokens, and their commit on the other,
 * as for a file request, which anybody may answer; and the form of old.
 */
export function dropboxWeb(vault: Vault): StandIn {
  let blocks = new Parts()
  let files: StoredFile[] = []

  const block = async (exchange: Exchange): Promise<void> => {
    const writer = vault.writer()
    await exchange.receive(writer)
    const content = await writer.finish()
    if (content.size > BLOCK_BYTES || String(content.size) !== exchange.query.get('reported_block_size')) {
      throw new Refusal(400, 'bad_block', `a block has ${BLOCK_BYTES} bytes at most, as many as reported_block_size tells`)
    }
    const token = `FAKE-block-${randomUUID()}`
    await blocks.put(token, content)
    await exchange.json(200, { block_token: token })
  }

  const commit = async (exchange: Exchange): Promise<void> => {
    const given: unknown = JSON.parse((await exchange.readBytes()).toString('utf8'))
    const tokens = Array.isArray(given) ? given.filter(each => typeof each === 'string') : []
    const parts = tokens.map(token => blocks.get(token))
    const total = parts.reduce((sum, part) => sum + (part?.size ?? 0), 0)
    const name = exchange.query.get('name') ?? ''
    if (name === '' || parts.includes(undefined) || String(total) !== exchange.query.get('reported_total_size')) {
      throw new Refusal(400, 'bad_commit', 'the name is missing, or the blocks do not make reported_total_size')
    }
    const { size, sha256 } = await blocks.join(vault, tokens)
    files.push({ provider: 'dropbox', path: `/File requests/${name}`, name, size, sha256 })
    await exchange.json(200, { status: 'ok' })
  }

  const form = async (exchange: Exchange): Promise<void> => {
    const { fileName: name = '', media } = await readRelated(exchange.header('content-type') ?? '', exchange.body())
    const writer = vault.writer()
    await exchange.receive(writer, media)
    if (name === '') throw new Refusal(400, 'bad_form', 'the form names no file')
    const { size, sha256 } = await writer.finish()
    files.push({ provider: 'dropbox', path: `/${name}`, name, size, sha256 })
    await exchange.send(200, { 'content-type': 'text/html; charset=utf-8' }, '<!doctype html><html lang="en"><title>Thanks</title><p>taken</p></html>\n')
  }

  return {
    hosts: [PAGE, BLOCKS],
    carriesContent: (method, path) => method === 'POST' && (PUT_BLOCK.test(path) || path === FORM),
    handle: async exchange => {
      const { host, method, path } = exchange.record
      try {
        if (host === BLOCKS && method === 'POST' && PUT_BLOCK.test(path)) return await block(exchange)
        if (host === BLOCKS && method === 'POST' && path === FORM) return await form(exchange)
        if (host === PAGE && method === 'POST' && path === COMMIT) return await commit(exchange)
        throw new Refusal(404, 'not_found', `the stand-in has no ${path}`)
      } catch (error) {
        const refusal = error instanceof SyntaxError ? new Refusal(400, 'bad_json', error.message) : error
        if (!(refusal instanceof Refusal)) throw error
        await exchange.json(refusal.status, { error: refusal.message })
      }
    },
    stored: () => files,
    reset: () => {
      blocks = new Parts()
      files = []
    },
  }
}
