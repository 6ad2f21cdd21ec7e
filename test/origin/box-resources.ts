import { randomUUID } from 'node:crypto'
import type { Access } from './access.ts'
import type { Account } from './accounts.ts'
import type { AccountRoots } from './account-roots.ts'
import type { Exchange } from './exchange.ts'
import type { JsonObject } from './json.ts'
import type { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { Item } from './tree.ts'

/** An upload in parts. */
export interface Session {
  readonly id: string
  readonly access: Access
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
  readonly conflicts: JsonObject

  constructor(conflicts: JsonObject) {
    super(409, 'item_name_in_use', 'Item with the same name already exists')
    this.conflicts = conflicts
  }
}

/** A file or folder as Box tells it to an account: what others share is among its own, at the top; each root is folder 0. */
export function resource(roots: AccountRoots, { account }: Access, item: Item): JsonObject {
  const { content, created, modified } = item
  const owner = roots.ownerOf(item)
  const parent = item === roots.shared && owner !== account ? roots.root(account) : item.parent
  return {
    type: content === null ? 'folder' : 'file', id: idOf(item), sequence_id: '0', etag: '0',
    name: parent === null ? 'All Files' : item.name,
    created_at: seconds(created), modified_at: seconds(modified), content_created_at: seconds(created),
    content_modified_at: seconds(modified), item_status: 'active', size: content?.size ?? 0,
    owned_by: { type: 'user', id: owner.box.id, name: owner.person, login: owner.box.email },
    parent: parent === null ? null : { type: 'folder', id: idOf(parent), name: parent.parent === null ? 'All Files' : parent.name },
    ...(content === null ? {} : { sha1: content.sha1 }),
  }
}

function idOf(item: Item): string {
  return item.parent === null ? '0' : item.id
}

/**
 * What `users/me` tells (https://developer.box.com/reference/get-users-me/): the enterprise only where `fields` asks for it,
 * null for a consumer.
 */
export function userResource({ person, organisation, box }: Account, fields: string | null): JsonObject {
  const basic = { type: 'user', id: box.id }
  const rest: JsonObject = { name: person, login: box.email, space_amount: 1e12, space_used: 0, status: 'active' }
  if (fields === null) return { ...basic, ...rest }
  const enterprise = box.enterprise === null ? null : { type: 'enterprise', id: box.enterprise, name: organisation?.name }
  const all: JsonObject = { ...rest, enterprise }
  return { ...basic, ...Object.fromEntries(fields.split(',').flatMap(name => name in all ? [[name, all[name]]] : [])) }
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
  const conflicts = refusal instanceof NameInUse ? { context_info: { conflicts: refusal.conflicts } } : {}
  const { status, code, message } = refusal
  await exchange.json(status, { type: 'error', status, code, message, request_id: randomUUID(), ...conflicts })
}

/** Box writes times without fractions. */
function seconds(time: string): string {
  return time.replace(/\.\d+(?=Z|[+-])/, '')
}
