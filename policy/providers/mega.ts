import type { Activity, Step } from '../operation.ts'
import { findEndpoint, listed, row } from './endpoints.ts'
import { isObject, listMember, member, readJson, textMember } from './json.ts'
import type { Endpoint, HostPattern, ListedEndpoint, ProviderModule, Recognition, RequestHead } from './provider.ts'
import { explain, isEncoded, PEEK_LIMIT, recognition, sessionId, stricter, unexplained } from './reading.ts'
import { atLeast, bodySize, byteCount, exactly, UNKNOWN } from './size.ts'
import { strictest } from './spelling.ts'
import { matchPath } from './text.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'mega.nz',    // web page and API
  'mega.io',    // web page
  'mega.co.nz', // API and content
]

const hosts: readonly HostPattern[] = [
  { pattern: '*.api.mega.co.nz', role: 'storage' },
  { pattern: '*.api.mega.nz', role: 'storage' },
  // Content, over plain HTTP too: it is encrypted before it leaves, and so is every name.
  { pattern: '*.userstorage.mega.co.nz', role: 'storage' },
  { pattern: '*.userstorage.mega.nz', role: 'storage' },
  { pattern: 'mega.nz', role: 'storage' },
]

const MEGATOOLS = 'megatools 1.11, tested'
const RCLONE = 'rclone, backend/mega (go-mega)'
const SDK = 'MEGA SDK, src/commands.cpp'
/** Debian's rclone comes without this backend. */
const unproven = { unproven: true }

/** Size: `s` of the command that opens an upload, then the offset in the path and `Content-Length`. Names: never told. */
const endpoints: readonly Endpoint[] = [
  row('POST', '/cs', 'upload', 'batch', MEGATOOLS),
  row('POST PUT', '/ul/{session}/{offset}', 'upload', 'chunk', MEGATOOLS),
  row('POST PUT', '/ul/{session}', 'upload', 'chunk', SDK, unproven),
  row('GET HEAD POST', '/dl/**', 'download', 'single', MEGATOOLS),
  row('GET POST', '/sc', 'list', 'single', RCLONE, unproven),
  row('GET POST', '/wsc', 'list', 'single', SDK, unproven),
]

/** What a command of `/cs` is, by its `a`. Not listed: `other`. */
const commands: ReadonlyMap<string, readonly [Activity, Step, source: string]> = new Map([
  ['u', ['upload', 'start', MEGATOOLS]],
  ['ufa', ['upload', 'start', SDK]],
  ['p', ['upload', 'finish', MEGATOOLS]],
  ['pfa', ['change', 'single', SDK]],
  ['g', ['download', 'single', MEGATOOLS]],
  ['f', ['list', 'single', MEGATOOLS]],
  ['ug', ['list', 'single', MEGATOOLS]],
  ['uq', ['list', 'single', RCLONE]],
  ['uga', ['list', 'single', SDK]],
  ['gmf', ['list', 'single', SDK]],
  ['utqa', ['list', 'single', SDK]],
  ['a', ['change', 'single', RCLONE]],
  ['m', ['change', 'single', RCLONE]],
  ['d', ['delete', 'single', RCLONE]],
  // Older versions of a file.
  ['dv', ['delete', 'single', SDK]],
  ['l', ['share', 'single', RCLONE]],
  ['s', ['share', 'single', SDK]],
  ['s2', ['share', 'single', SDK]],
  // Keys of what is shared, for those it is shared with.
  ['k', ['share', 'single', SDK]],
  ['us', ['login', 'single', MEGATOOLS]],
  ['us0', ['login', 'single', MEGATOOLS]],
] as const)

function readHead(head: RequestHead): Recognition {
  const path = matchPath(head.path)
  const found = findEndpoint(endpoints, head, path)
  const base = { provider: 'mega', activity: found?.activity ?? 'other', step: found?.step ?? 'single' } as const
  if (found?.step === 'batch') {
    // Commands are told by the body alone: until it is read, it is the strictest that it may be.
    const unread = unexplained(recognition({ ...base, size: UNKNOWN }), bodySize(head.contentLength), 'batch')
    return { ...unread, peek: isEncoded(head) || head.contentLength === 0 ? 0 : PEEK_LIMIT }
  }
  if (found?.step !== 'chunk') return explain(head, recognition({ ...base, size: bodySize(head.contentLength) }))
  const { session, offset } = found.path.exec(path)?.groups ?? {}
  const first = byteCount(offset) ?? 0
  return recognition({ ...base, size: atLeast(first + (head.contentLength ?? 0)), offset: first, session: sessionId(session) })
}

function refineOne(head: RequestHead, body: Buffer, complete: boolean): Recognition {
  const first = readHead(head)
  if (first.peek === 0) return first
  const list = complete ? readJson(body.toString('utf8')) : undefined
  if (!Array.isArray(list) || list.length === 0 || !list.every(isObject)) return { ...first, peek: 0 }
  const inner = list.map(readCommand)
  const chosen = inner.reduce(stricter)
  const opened = inner.filter(({ operation }) => operation.step === 'start')
  const sizes = opened.map(({ operation }) => operation.size)
  const total = sizes.reduce((all, { bytes }) => all + bytes, 0)
  const isUpload = chosen.operation.activity === 'upload'
  const size = !isUpload ? bodySize(body.length) : sizes.length > 0 && sizes.every(({ is }) => is === 'exact') ? exactly(total) : atLeast(total)
  return { ...chosen, operation: { ...chosen.operation, size, ...(list.length > 1 && { step: 'batch' }) } }
}

function readCommand(command: unknown): Recognition {
  const name = textMember(command, 'a') ?? ''
  const [activity, step] = commands.get(name) ?? ['other', 'single']
  const base = { provider: 'mega', activity, step } as const
  if (name === 'p' && !bringsContent(command)) return recognition({ ...base, activity: 'change', step: 'single', size: UNKNOWN })
  // Without a size, `ufa` asks for the address of a thumbnail to read.
  const size = byteCount(member(command, 's'))
  if (name === 'ufa' && size === undefined) return recognition({ ...base, activity: 'list', step: 'single', size: UNKNOWN })
  return recognition({ ...base, size: size === undefined || step !== 'start' ? UNKNOWN : exactly(size) })
}

/** Nodes are put for folders (`t` 1), copies (`h` is the 8 letters of a node) and uploads (`h` is their longer receipt). */
function bringsContent(command: unknown): boolean {
  const nodes = listMember(command, 'n')
  return nodes === undefined || nodes.some(node => {
    const handle = textMember(node, 'h')
    return member(node, 't') !== 1 && (handle === undefined || handle.length > 8)
  })
}

const listing: readonly ListedEndpoint[] = [
  ...listed(endpoints),
  ...[...commands].map(([name, [activity, step, source]]) => ({
    methods: ['POST'], path: `/cs [{"a":"${name}"}]`, activity, step, source, unproven: source !== MEGATOOLS,
  })),
]

/** MEGA: one address takes lists of commands, others take ciphertext. It can be allowed or refused, and not looked into. */
export const mega: ProviderModule = {
  id: 'mega',
  providers: ['mega'],
  account: 'mega',
  hosts,
  domains,
  endpoints: listing,
  providerOf: () => 'mega',
  recognise: head => strictest(head, readHead),
  refine: (head, _first, body, complete) => strictest(head, one => refineOne(one, body, complete)),
}
