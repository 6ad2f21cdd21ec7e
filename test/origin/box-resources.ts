import { randomUUID } from 'node:crypto'
import type { Exchange } from './exchange.ts'
import type { JsonObject } from './json.ts'
import type { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { Item } from './tree.ts'

/** An upload in parts. */
export interface Session {
  readonly id: string
  /** Bytes, as the start told. */
  readonly size: number
  readonly partBytes: number
  /** Name and folder of the file. */
  readonly attributes: JsonObject
  /** The file that gets a new version; undefined for a new one. */
  readonly target: Item | undefined
  /** By their offset. */
  readonly parts: Parts
}

/** The name is taken: Box says by what. */
export class NameInUse extends Refusal {
  readonly item: Item

  constructor(item: Item) {
    super(409, 'item_name_in_use', 'Item with the same name already exists')
    this.item = item
  }
}

/** A file or folder as Box tells it. */
export function resource(item: Item): JsonObject {
  const { id, content, parent, created, modified } = item
  return {
    type: content === null ? 'folder' : 'file', id, sequence_id: '0', etag: '0', name: parent === null ? 'All Files' : item.name,
    created_at: seconds(created), modified_at: seconds(modified), content_created_at: seconds(created),
    content_modified_at: seconds(modified), item_status: 'active', size: content?.size ?? 0,
    parent: parent === null ? null : { type: 'folder', id: parent.id, name: parent.name },
    ...(content === null ? {} : { sha1: content.sha1 }),
  }
}

export function sessionResource({ id, size, partBytes, parts }: Session): JsonObject {
  return {
    type: 'upload_session', id, part_size: partBytes, total_parts: Math.ceil(size / partBytes),
    num_parts_processed: parts.names().length, session_expires_at: seconds(new Date(Date.now() + 86_400_000).toISOString()),
    session_endpoints: {},
  }
}

/** Answers with a refusal in Box's form; throws what is none. */
export async function sendBoxError(exchange: Exchange, error: unknown): Promise<void> {
  const refusal = error instanceof SyntaxError ? new Refusal(400, 'bad_request', error.message) : error
  if (!(refusal instanceof Refusal)) throw error
  const conflicts = refusal instanceof NameInUse ? { context_info: { conflicts: resource(refusal.item) } } : {}
  const { status, code, message } = refusal
  await exchange.json(status, { type: 'error', status, code, message, request_id: randomUUID(), ...conflicts })
}

/** Box writes times without fractions. */
function seconds(time: string): string {
  return time.replace(/\.\d+(?=Z|[+-])/, '')
}
