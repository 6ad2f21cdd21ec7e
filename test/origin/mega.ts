import { createHash, randomBytes } from 'node:crypto'
import { isKept, readContent } from './content.ts'
import type { Content, Vault } from './content.ts'
import type { Exchange } from './exchange.ts'
import { asObject, list, text } from './json.ts'
import type { JsonObject } from './json.ts'
import { contentDecipher, MEGA, MegaAccount, nameOf } from './mega-crypto.ts'
import { Parts } from './parts.ts'
import { Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'

const API = 'g.api.mega.co.nz'
const STORAGE = 'gfs270n100.userstorage.mega.co.nz'
const UPLOAD = /^\/ul\/([\w-]+)\/(\d+)$/
const DOWNLOAD = /^\/dl\/([\w-]+)(?:\/(\d+)-(\d+))?$/
const OWNER = 'FAKEowner01'
/** How long a client's question for news is left open; it asks again at once. */
const NEWS_MS = 2000
/** Error numbers of the API. */
const ERRORS: Readonly<Record<string, number>> = { EARGS: -2, ENOENT: -9, ESID: -15, EACCESS: -11 }
const [FILE, FOLDER, ROOT, INBOX, TRASH] = [0, 1, 2, 3, 4]

interface Node {
  readonly handle: string
  readonly type: number
  parent: string
  attributes: string
  /** As the client wrote it, under the master key. */
  key: string
  name: string
  readonly content: Content | null
  /** Hex, of the content deciphered. */
  readonly sha256: string
}

interface Upload {
  readonly size: number
  readonly parts: Parts
  /** Opened with `v: 2`: its receipt is told as bytes. */
  readonly isV2: boolean
}

/** MEGA's API and storage: contents and names come enciphered, and the stand-in, which knows the master key, looks inside. */
export function mega(vault: Vault): StandIn {
  const account = new MegaAccount()
  const fixed = (handle: string, type = 0): [string, Node] =>
    [handle, { handle, type, parent: '', attributes: '', key: '', name: '', content: null, sha256: '' }]
  const fresh = (): Map<string, Node> => new Map([fixed('ROOTFAKE', ROOT), fixed('INBXFAKE', INBOX), fixed('TRSHFAKE', TRASH)])
  let nodes = fresh()
  let uploads = new Map<string, Upload>()
  /** Contents that are whole and belong to no node yet, by completion handle. */
  let completed = new Map<string, Content>()

  const find = (handle: string | undefined): Node => {
    const node = nodes.get(handle ?? '')
    if (node === undefined) throw new Refusal(404, 'ENOENT', 'there is no such node')
    return node
  }

  const put = async (parent: Node, made: JsonObject): Promise<Node> => {
    const [attributes, key, type] = [text(made, 'a') ?? '', text(made, 'k') ?? '', made.t === FOLDER ? FOLDER : FILE]
    const completion = text(made, 'h') ?? ''
    const content = type === FOLDER ? null : completed.get(completion)
    if (content === undefined) throw new Refusal(404, 'ENOENT', 'there is no such upload')
    completed.delete(completion)
    const plainKey = account.keyOf(key)
    const name = nameOf(attributes, plainKey)
    const sha256 = content === null ? '' : await plainHash(content, plainKey)
    const node = { handle: randomBytes(6).toString('base64url'), type: type ?? 0, parent: parent.handle, attributes, key, name, content, sha256 }
    nodes.set(node.handle, node)
    return node
  }

  const remove = (node: Node): void => {
    for (const kid of [...nodes.values()].filter(({ parent }) => parent === node.handle)) remove(kid)
    nodes.delete(node.handle)
  }

  /** One command of a call. Numbers are errors, 0 is success without an answer. */
  const command = async (given: JsonObject): Promise<unknown> => {
    const target = text(given, 'n')
    switch (text(given, 'a')) {
      case 'f': return { f: [...nodes.values()].map(resource), ok: [], s: [], u: [], sn: 'FAKEsn00001' }
      case 'ug': return { u: OWNER, email: MEGA.user, name: 'Fay Example', s: 1, c: 1, ...account.keys }
      case 'uq': return { mstrg: 1e12, cstrg: 0, cstrgn: {} }
      case 'u': {
        const id = randomBytes(9).toString('base64url')
        uploads.set(id, { size: Number(given.s), parts: new Parts(), isV2: given.v === 2 })
        return { p: `https://${STORAGE}/ul/${id}` }
      }
      case 'p': {
        const parent = find(text(given, 't'))
        const made: JsonObject[] = []
        for (const each of list(given, 'n')) made.push(resource(await put(parent, asObject(each))))
        return { f: made }
      }
      case 'g': {
        const { content, attributes, handle } = find(target)
        if (content === null) throw new Refusal(404, 'ENOENT', 'a folder has no content')
        return { g: `https://${STORAGE}/dl/${handle}`, s: content.size, at: attributes }
      }
      case 'm':
        find(target).parent = find(text(given, 't')).handle
        return 0
      case 'a': {
        const node = find(target)
        node.attributes = text(given, 'attr') ?? node.attributes
        node.key = text(given, 'key') ?? node.key
        node.name = nameOf(node.attributes, account.keyOf(node.key))
        return 0
      }
      case 'd':
        remove(find(target))
        return 0
      default: throw new Refusal(400, 'EARGS', 'the stand-in does not know this command')
    }
  }

  const call = async (exchange: Exchange): Promise<void> => {
    const given: unknown = JSON.parse((await exchange.readBytes()).toString('utf8'))
    const answers: unknown[] = []
    for (const each of (Array.isArray(given) ? given : []).map(asObject)) {
      try {
        answers.push(await answerOne(exchange, each))
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        answers.push(ERRORS[error.code] ?? ERRORS.EARGS)
      }
    }
    await exchange.json(200, answers)
  }

  const answerOne = async (exchange: Exchange, given: JsonObject): Promise<unknown> => {
    const is = text(given, 'a')
    if (is === 'us0') return { v: 2, s: account.salt }
    if (is === 'us') {
      const login = text(given, 'user') === MEGA.user ? account.login(text(given, 'uh') ?? '') : null
      if (login === null) throw new Refusal(404, 'ENOENT', 'user and password do not fit')
      return { ...login, u: OWNER, ach: 0 }
    }
    if (!account.knows(exchange.query.get('sid'))) throw new Refusal(401, 'ESID', 'the session is not known')
    return command(given)
  }

  /**
   * A chunk by its offset. The answer to the one that makes the file whole is its completion handle: 36 letters, or with
   * the second version 36 bytes, which clients write as 48 letters.
   */
  const chunk = async (exchange: Exchange, id: string, offset: string): Promise<void> => {
    const upload = uploads.get(id)
    if (upload === undefined) throw new Refusal(404, 'ENOENT', 'there is no such upload')
    const writer = vault.writer()
    await exchange.receive(writer)
    const content = await writer.finish()
    if (Number(offset) + content.size > upload.size) throw new Refusal(400, 'EARGS', 'the chunk is beyond the size that was told')
    await upload.parts.put(offset, content)
    if (upload.parts.size() < upload.size) return exchange.send(200, { 'content-type': 'text/plain' }, '')
    uploads.delete(id)
    const whole = await upload.parts.join(vault, [...upload.parts.names()].sort((a, b) => Number(a) - Number(b)))
    const handle = randomBytes(upload.isV2 ? 36 : 27)
    completed.set(handle.toString('base64url'), whole)
    const told = upload.isV2 ? handle : Buffer.from(handle.toString('base64url'))
    await exchange.stream(200, { 'content-type': 'text/plain', 'content-length': String(told.length) }, [told])
  }

  const handle = async (exchange: Exchange): Promise<void> => {
    const { host, method, path } = exchange.record
    if (host === STORAGE) {
      const up = method === 'POST' ? UPLOAD.exec(path) : null
      if (up !== null) return chunk(exchange, up[1] ?? '', up[2] ?? '')
      const down = DOWNLOAD.exec(path)
      const content = find(down?.[1]).content
      if (down === null || content === null || !isKept(content)) throw new Refusal(404, 'ENOENT', 'there is no such content')
      const [from, to] = [Number(down[2] ?? 0), Number(down[3] ?? content.size - 1)]
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(to - from + 1) }
      return exchange.stream(200, headers, readContent(content, from, to))
    }
    if (path === '/cs') return call(exchange)
    if (path === '/sc') return exchange.json(200, { w: `https://${API}/wsc` })
    if (path === '/wsc') {
      await exchange.pause(NEWS_MS)
      return exchange.json(200, 0)
    }
    throw new Refusal(404, 'ENOENT', `the stand-in has no ${path}`)
  }

  const pathOf = (node: Node): string | undefined => {
    const parent = nodes.get(node.parent)
    if (parent === undefined || parent.type === TRASH) return undefined
    const above = parent.type === FOLDER ? pathOf(parent) : ''
    return above === undefined ? undefined : `${above}/${node.name}`
  }

  return {
    hosts: [API, STORAGE],
    carriesContent: (method, path) => method === 'POST' && UPLOAD.test(path),
    handle: async exchange => {
      try {
        await handle(exchange)
      } catch (error) {
        const refusal = error instanceof SyntaxError ? new Refusal(400, 'EARGS', error.message) : error
        if (!(refusal instanceof Refusal)) throw error
        await exchange.json(refusal.status, ERRORS[refusal.code] ?? ERRORS.EARGS)
      }
    },
    stored: () => [...nodes.values()].flatMap(node => {
      const path = node.content === null ? undefined : pathOf(node)
      return path === undefined ? [] : [{ provider: 'mega' as const, path, name: node.name, size: node.content?.size ?? 0, sha256: node.sha256 }]
    }),
    reset: () => {
      nodes = fresh()
      uploads = new Map()
      completed = new Map()
    },
  }
}

function resource({ handle, parent, type, attributes, key, content }: Node): JsonObject {
  return {
    h: handle, p: parent, u: OWNER, t: type, a: attributes, k: key === '' ? '' : `${OWNER}:${key}`, ts: 1_700_000_000,
    ...(content === null ? {} : { s: content.size }),
  }
}

/** The SHA-256 (hex) of a content, deciphered. */
async function plainHash(content: Content, key: Buffer): Promise<string> {
  const [sha256, decipher] = [createHash('sha256'), contentDecipher(key)]
  for await (const chunk of readContent(content, 0, content.size - 1)) sha256.update(decipher.update(chunk))
  return sha256.digest('hex')
}
