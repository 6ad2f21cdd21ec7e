/** Rows S6 to S12, and S22: requests that are written so that a reader might miss what the origin sees, and bodies that say less than they are. */
import type { Mutation } from './mutation.ts'
import { on, patch } from './mutation.ts'

const FORWARD = 'proxy/forward-headers.ts'
const HOST_PORT = 'proxy/host-port.ts'
const READING = 'policy/providers/reading.ts'
const SPELLING = 'policy/providers/spelling.ts'
const BATCH = 'policy/providers/batch.ts'
/** No path is looked at twice. */
const COMMON = ['if (!UNUSUAL.test(head.path)) return', 'return'] as const
const METER = 'proxy/stages/meter.ts'
const SESSION = 'proxy/stages/session.ts'
const RESTRICT = 'proxy/restrict-headers.ts'

export const READING_MUTATIONS: readonly Mutation[] = [
  patch('S6', FORWARD, '!HOP_BY_HOP.has(lower) && !named.has(lower) && !isRestriction(lower)', '!isRestriction(lower)',
    'what belongs to one hop does not pass, nor what Connection names', 'a Connection field strips nothing that policy decides by'),
  patch('S6', FORWARD, " && !NEVER_NAMED.test(lower)) names.add(lower)", ') names.add(lower)', 'Connection cannot strip what is decided by',
    'a Connection field strips nothing that policy decides by'),
  patch('S7.1', 'proxy/head.ts', '    if (headers.count(name) > 1) throw', '    if (false) throw', 'a field that requests are read by may not come twice'),
  patch('S7.2', RESTRICT, '  return name.length >= SHORTEST && NAMES.test(name)', '  return false',
    'tenant restrictions of a client do not pass, however they are spelt; own ones do, whatever Connection names', 'names that could be read as restrictions'),
  patch('S7.2', RESTRICT, "name.toLowerCase().replaceAll('-', '[^a-z0-9]')", 'name.toLowerCase()',
    'tenant restrictions of a client do not pass, however they are spelt; own ones do, whatever Connection names', 'names that could be read as restrictions'),
  {
    id: 'S8.1',
    edits: [
      { file: HOST_PORT, find: '  const resolved = hasDotSegment(rawPath) ? resolveDots(rawPath) : rawPath\n', replace: '  const resolved = rawPath\n' },
      { file: SPELLING, find: COMMON[0], replace: COMMON[1] },
    ],
    expect: ['the path in every spelling', 'paths are judged as an origin reads them'],
  },
  patch('S8.1', HOST_PORT, 'return { path: decodeUnreserved(resolved), query, full }', 'return { path: resolved, query, full }', 'paths are judged as an origin reads them'),
  patch('S8.1', SPELLING, ...COMMON, 'spellings that an origin reads alike keep activity, step and file name'),
  patch('S8.2', READING, '  return head.contentLength > limit ? unexplained(first, exactly(head.contentLength)) : first', '  return first',
    'a path that some origin might decode further is an upload above 16 KiB'),
  patch('S8.2', SPELLING, 'const isVeiled = VEILED.test(head.path)', 'const isVeiled = false', 'an upload in other words is one to a foreign account still'),
  patch('S9', HOST_PORT, '  if (text.length === 0 || text.length > 1024) return null\n', "  if (text.length > 0) return { host: text, kind: 'name' }\n",
    'hosts are folded to one form', 'what is no host is refused', 'spellings of one host are that host'),
  patch('S9', 'policy/providers/catalogue.ts', "  const start = host.lastIndexOf('.', end - 1) + 1\n", '  const start = Math.max(0, ...[...node.labels.keys()].filter(label => host.slice(0, end).endsWith(label)).map(label => end - label.length))\n',
    'hosts are found at label boundaries only'),
  patch('S10.1', READING, '  return methods.size === 1 ? undefined : [...methods]', '  return undefined',
    'another method than the one that counts', 'no number of overrides hides the one that counts'),
  patch('S10.2', BATCH, '  const strictest = inner.map(({ is }) => is).reduce(stricter)', '  const strictest = inner.map(({ is }) => is)[0]', 'a batch is read by what it holds'),
  patch('S10.2', BATCH, 'uploads.flatMap(({ is }) => namesOf(is.operation))', 'namesOf(uploads[0].is.operation)', 'a batch of Graph'),
  patch('S11.1', METER, '    if ((this.reach(total) < this.nextCheck && total + this.othersSince() < this.nextBodyCheck) || this.judge(total, false)) {', '    if (true) {',
    'a body of unknown length is cut before it passes the limit', 'a body that nothing explains becomes an upload at the bound'),
  patch('S11.2', METER, "size?.is === 'exact' ? size.bytes + 1 : Number.POSITIVE_INFINITY", 'Number.POSITIVE_INFINITY',
    'a declared size holds a body of untold length to it'),
  patch('S11.3', READING, "operation: { ...first.operation, activity: 'upload', step, size }", 'operation: { ...first.operation, step, size }',
    'under a content coding, it is still an upload', 'a GET with a large body, and a body under a coding'),
  patch('S11.3', 'proxy/stages/judge.ts', '(isSizeHidden(settled, operation) ? { isEncoded: true }', '(false ? { isEncoded: true }', 'a size in other words is held to the rule'),
  patch('S11.4', SESSION, '  const bytes = Math.max(size.bytes, seen, declared)', '  const bytes = Math.max(size.bytes, declared)',
    'the parts of a session add up, whatever the request says of itself'),
  patch('S11.4', 'policy/providers/size.ts', 'return range?.total == null ? atLeast(seen) : exactly(Math.max(range.total, seen))', 'return atLeast(seen)',
    'small chunks of a large upload: the first is refused'),
  // In the relay's larger pieces, what the next request's head is refused for leaves too little over to tell.
  on('pipeline', patch('S11.4', METER, '    return this.session === null ? 0 : this.session.sent + received', '    return 0 * received',
    'the same bytes again and again, each time below the limit, are cut at the limit and 1 MiB')),
  patch('S11.5', METER, '  if (recognition === null || (body.isAll', '  if (recognition !== undefined || (body.isAll',
    'many small files add up, to the byte, and across ways of sending', 'one after the other: as many as fit below the limit pass, and then none',
    'at the same moment: no more than one after the other'),
  patch('S11.5', METER, 'if (explained !== this.recognition) this.claimLate', 'if (explained === null) this.claimLate', 'bodies without a length that become uploads on their way add up'),
  patch('S11.5', METER, 'total + this.othersSince() <', 'total <', 'tunnels that are not opened add up, one after the other and at the same moment'),
  patch('S12', 'policy/builtin/strict.yaml', '  - id: block-other-uploads\n', '  - { id: trusting, when: { activity: upload, client: sync-app }, action: allow }\n  - id: block-other-uploads\n',
    'no User-Agent changes what the built-in policies decide', 'the body of an upload is held whoever claims to send it'),
  patch('S12', 'policy/analyse.ts', '\n      ?? (placed.order < blocksUntil ? spoofable(placed) : undefined)', '', 'rules that let uploads pass by what the client says of itself'),
  patch('S8.3', FORWARD, " && !namesElse(lower, value)", '',
    'what names another host, path or method to servers behind the front does not pass, underscores or not', 'an upload in other words is one to a foreign account still'),
  patch('S8.4', 'proxy/stages/judge.ts', 'recognition = isBodyOdd(head) && module.bodiesUnder?.has(head.method) !== true ? readOddBody(head, read(head), read) : read(head)', 'recognition = read(head)',
    'an upload in other frames is one to a foreign account still'),
  patch('S10.3', 'policy/conditions.ts', 'const isMore = facts.moreNames === true', 'const isMore = false', 'a name in other words is held to the rule'),
  patch('S22', HOST_PORT, " || bare.startsWith('.')", '', 'every kept seed holds what its target promises'),
]
