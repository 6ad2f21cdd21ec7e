import type { Exchange } from './exchange.ts'
import { isObject } from './json.ts'
import type { JsonObject } from './json.ts'
import type { Item } from './tree.ts'

/** A file's or folder's metadata as the API tells it, at a path. */
export function metadata(path: string, item: Item): JsonObject {
  const common = { name: item.name, id: item.id, path_lower: path.toLowerCase(), path_display: path }
  if (item.content === null) return { '.tag': 'folder', ...common }
  return {
    '.tag': 'file', ...common,
    client_modified: seconds(item.modified), server_modified: seconds(item.modified), rev: `015f${item.id.slice(-6)}`,
    size: item.content.size, is_downloadable: true, content_hash: item.content.blockHash,
  }
}

/** Dropbox writes times without fractions. */
function seconds(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z')
}

/**
 * The `Dropbox-API-Arg` header (or `arg` in the query). Header bytes arrive as Latin-1; some clients send raw UTF-8.
 * Throws a `SyntaxError` when it is missing or no JSON object.
 */
export function argument(exchange: Exchange): JsonObject {
  const header = exchange.header('dropbox-api-arg')
  const given = header === undefined ? exchange.query.get('arg') : Buffer.from(header, 'latin1').toString('utf8')
  if (given === null) throw new SyntaxError('Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg".')
  const value: unknown = JSON.parse(given)
  if (!isObject(value)) throw new SyntaxError('HTTP header "Dropbox-API-Arg": expected object')
  return value
}

/** JSON that fits into a header: everything beyond ASCII escaped. */
export function headerJson(value: JsonObject): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, char => '\\u' + char.charCodeAt(0).toString(16).padStart(4, '0'))
}
