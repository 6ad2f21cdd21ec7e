import { randomUUID } from 'node:crypto'
import type { Access } from './access.ts'
import type { ContentWriter, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { reaches } from './graph-drives.ts'
import type { Drive } from './graph-drives.ts'
import { resource } from './graph-resources.ts'
import { text } from './json.ts'
import type { JsonObject } from './json.ts'
import { Refusal } from './refusal.ts'
import type { Item } from './tree.ts'

const SESSION = /\/_api\/v2\.[01]\/drives\/[^/]+\/items\/[^/]+\/uploadSession$/
/** "The maximum bytes in any given request is 60 MiB". */
const MOST_BYTES = 60 << 20

/** Where a session puts its file. */
export interface Place {
  readonly drive: Drive
  readonly folder: Item
  readonly name: string
  /** `fileSystemInfo` of the start. */
  readonly times: JsonObject
}

interface Session extends Place {
  readonly writer: ContentWriter
  /** Bytes, as the first range told. */
  total: number | null
}

/**
 * Upload sessions, as https://learn.microsoft.com/graph/api/driveitem-createuploadsession tells them: ranges in order,
 * of one total. A range that is no multiple of 320 KiB is taken: it "will result in errors committing some files" only.
 */
export class UploadSessions {
  #sessions = new Map<string, Session>()
  readonly #vault: Vault

  constructor(vault: Vault) {
    this.#vault = vault
  }

  /** Whether a path is that of a session. */
  static is(path: string): boolean {
    return SESSION.test(path)
  }

  reset(): void {
    this.#sessions = new Map()
  }

  /** Starts a session and returns what createUploadSession answers. `version` is that of the address given out. */
  start(place: Place, version = 'v2.0'): JsonObject {
    const { drive } = place
    const guid = randomUUID().replaceAll('-', '')
    this.#sessions.set(guid, { ...place, writer: this.#vault.writer(), total: null })
    const query = `guid='${guid}'&overwrite=True&rename=False&dc=0&tempauth=FAKE`
    const uploadUrl = `https://${drive.host}${drive.base}/_api/${version}/drives/${drive.id}/items/FAKEITEM/uploadSession?${query}`
    return { uploadUrl, expirationDateTime: expiry(), nextExpectedRanges: ['0-'] }
  }

  /**
   * One request to the address of a session, which stands for the credentials. Clients that send a token all the same (rclone
   * the one for Graph) are served, unless it is of one who has no part in the drive.
   */
  async proceed(exchange: Exchange, access: Access): Promise<void> {
    const { method, host } = exchange.record
    const guid = (exchange.query.get('guid') ?? '').replaceAll("'", '')
    const known = this.#sessions.get(guid)
    if (known === undefined || known.drive.host !== host) throw new Refusal(404, 'itemNotFound', 'there is no such upload session')
    if (!reaches(access, known.drive)) throw new Refusal(401, 'unauthenticated', 'The token is not good for this upload session.')
    const { writer } = known
    const progress = (): JsonObject => ({ expirationDateTime: expiry(), nextExpectedRanges: [`${writer.size}-`] })
    if (method === 'GET') return exchange.json(200, progress())
    if (method === 'DELETE') {
      this.#sessions.delete(guid)
      await writer.discard()
      return exchange.empty(204)
    }
    if (method !== 'PUT') throw new Refusal(405, 'invalidRequest', 'an upload session takes GET, PUT and DELETE')
    await take(exchange, known)
    if (known.total === null || writer.size < known.total) return exchange.json(202, progress())
    this.#sessions.delete(guid)
    const { drive, folder, name, times } = known
    const [created, modified] = [text(times, 'createdDateTime'), text(times, 'lastModifiedDateTime')]
    const item = drive.tree.add(folder, { name, content: await writer.finish(), created, modified })
    await exchange.json(201, resource(drive, item))
  }
}

async function take(exchange: Exchange, session: Session): Promise<void> {
  const { writer } = session
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(exchange.header('content-range') ?? '')
  if (range === null) throw new Refusal(400, 'invalidRequest', 'Content-Range is missing or malformed')
  const [first, last, total] = [Number(range[1]), Number(range[2]), Number(range[3])]
  if (session.total !== null && session.total !== total) {
    throw new Refusal(400, 'invalidRequest', `the total of the upload was told as ${session.total} bytes`)
  }
  if (first !== writer.size) throw new Refusal(416, 'invalidRange', `the next byte expected is ${writer.size}`)
  if (last < first || last >= total) throw new Refusal(400, 'invalidRequest', 'Content-Range is malformed')
  const length = last - first + 1
  if (length > MOST_BYTES) throw new Refusal(413, 'invalidRequest', `a request may bring ${MOST_BYTES} bytes`)
  const told = exchange.header('content-length')
  if (told !== undefined && Number(told) !== length) throw new Refusal(400, 'invalidRequest', 'Content-Length and Content-Range differ')
  const whole = async function * (): AsyncGenerator<Buffer> {
    let got = 0
    for await (const chunk of exchange.body()) {
      got += chunk.length
      if (got <= length) yield chunk
    }
    if (got !== length) throw new Refusal(400, 'invalidRequest', `the range has ${length} bytes, the body ${got}`)
  }
  await exchange.receive(writer, whole())
  session.total = total
}

function expiry(): string {
  return new Date(Date.now() + 86_400_000).toISOString()
}
