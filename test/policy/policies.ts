/** Random policies and requests for the properties of the evaluator: from small pools, so that rules and requests meet often. */
import fc from 'fast-check'
import type { Facts } from '../../policy/evaluate.ts'
import { DAYS } from '../../policy/local-time.ts'
import { ACTIONS, STANDINGS } from '../../policy/operation.ts'

const POOLS = {
  provider: ['dropbox', 'onedrive', 'google-drive', 'custom-filedrop'],
  activity: ['upload', 'download', 'share', 'list'],
  tenantId: ['contoso', 'fabrikam', 'litware.example'],
  method: ['PUT', 'POST', 'GET'],
  client: ['cli', 'browser', 'library'],
  user: ['alice', 'Bob', 'CAROL'],
  group: ['finance', 'HR'],
  source: ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '0.0.0.0/0', '2001:db8::/32', '::/0', '2001:db8::7', '::ffff:0:0:0/96'],
  host: ['api.example.com', '*.example.com', '*.com', 'content.dropboxapi.com', '*.SharePoint.com', 'com', 'example.com'],
  path: [
    '/sites/a/**', '/Sites/*/b', '/**', '/sites/a/b', '**/b', '/sites/**', '/s?tes/a/b', '/Kelvin/s/*', '/sites/a/b/c/d/e/**', '/a*',
    '/a;b/*',
  ],
  fileName: ['*.zip', 'a*', '?.txt', 'Büro*', '**'],
  contentType: ['application/zip', 'image/*', 'IMAGE/png'],
  pattern: ['^curl', 'rclone/v\\d+', '(a|b)+c', '^$', '[xyz]{2}'],
  contains: ['CURL', 'clone', 'é'],
  size: [0, 1, 5, 10, '1KB', '1KiB', '2MB'],
}

const FACTS = {
  ip: ['10.1.2.3', '10.9.0.1', '192.0.2.7', '2001:db8::7', '2001:db9::1', ''],
  host: ['api.example.com', 'a.b.example.com', 'example.com', 'content.dropboxapi.com', 'x.sharepoint.com', 'com', 'evilexample.com'],
  path: [
    '/sites/a/b', '/Sites/A/b', '/sites/a/b/c/d/e/f', '/sites/x/b', '/', '', 'sites', '//b', '/\u212aelvin/\u017f/x', '/kelvin/S/y', '/a/b',
    '/ab', '/a\u037eb/c',
  ],
  name: ['a.zip', 'b.txt', 'A.TXT', 'bu\u0308ro.doc', 'x'],
  userAgent: ['curl/8', 'rclone/v1.60', '', 'aabc', 'xx É', 'RClone'],
  contentType: ['application/zip; q=1', 'Image/PNG', 'imagex/png', ''],
  bytes: [0, 1, 4, 5, 9, 10, 999, 1000, 1024, 1_999_999, 2_000_000],
}

const CLOCKS = ['00:00', '01:30', '02:30', '03:00', '08:00', '22:00', '23:59']
/** Summer time, half hours, a day of its own. */
const ZONES = [undefined, 'UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Kiritimati']
/** Around the hours that Berlin leaves out and repeats, and anywhere in a year. */
const times = fc.oneof(
  fc.integer({ min: Date.UTC(2026, 2, 28, 22), max: Date.UTC(2026, 2, 29, 4) }),
  fc.integer({ min: Date.UTC(2026, 9, 24, 22), max: Date.UTC(2026, 9, 25, 4) }),
  fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) }),
)

function one<T>(values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values)
}

/** One of them, or a list. */
function some<T>(values: readonly T[]): fc.Arbitrary<T | T[]> {
  return fc.oneof(one(values), fc.array(one(values), { minLength: 1, maxLength: 3 }))
}

function atLeastOne(shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  return fc.record(shape, { requiredKeys: [] }).filter(value => Object.keys(value).length > 0)
}

const conditions: Record<string, fc.Arbitrary<unknown>> = {
  provider: some(POOLS.provider),
  activity: some(POOLS.activity),
  tenant: some([...STANDINGS, ...POOLS.tenantId, 'Contoso']),
  method: some([...POOLS.method, 'put']),
  client: some(POOLS.client),
  user: some([...POOLS.user, 'ALICE']),
  group: some(POOLS.group),
  source: some(POOLS.source),
  host: some(POOLS.host),
  path: some(POOLS.path),
  fileName: some(POOLS.fileName),
  contentType: some(POOLS.contentType),
  userAgent: atLeastOne({ matches: some(POOLS.pattern), contains: some(POOLS.contains) }),
  time: atLeastOne({ days: some(DAYS), from: one(CLOCKS), to: one(CLOCKS) })
    .filter(time => !('from' in time && 'to' in time) || time.from !== time.to)
    .chain(time => one(ZONES).map(timezone => ({ ...time, ...timezone === undefined ? {} : { timezone } }))),
  size: atLeastOne({ atLeast: one(POOLS.size), below: one(POOLS.size.slice(1)) })
    .filter(size => !('atLeast' in size && 'below' in size) || bytes(size.atLeast) < bytes(size.below)),
  volume: fc.record({ over: one(['60m', '7d']), atLeast: one(POOLS.size.slice(1)) }, { noNullPrototype: true }),
}

function bytes(written: unknown): number {
  const text = String(written)
  return Number.parseInt(text, 10) * (text.endsWith('KB') ? 1000 : text.endsWith('KiB') ? 1024 : text.endsWith('MB') ? 1e6 : 1)
}

/** Up to three conditions, so that a rule holds now and then; `not` around one to two, up to three deep. */
function when(depth: number, min: number): fc.Arbitrary<object> {
  const names = [...Object.keys(conditions), ...depth > 0 ? ['not', 'not'] : []]
  return fc.uniqueArray(one(names), { minLength: min, maxLength: depth === 3 ? 3 : 2 }).chain(chosen =>
    fc.record(Object.fromEntries(chosen.map(name =>
      [name, (name === 'not' ? when(depth - 1, 1) : conditions[name]) ?? fc.constant(undefined)]))))
}

const rule = fc.record({
  action: one(ACTIONS),
  when: when(3, 0),
  mode: fc.oneof({ weight: 4, arbitrary: fc.constant('enforce') }, fc.constant('monitor')),
  enabled: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
  enforceFor: fc.option(atLeastOne({ percent: one([0, 10, 50, 100]), groups: some(POOLS.group) }), { nil: undefined, freq: 3 }),
  coach: fc.option(fc.boolean(), { nil: undefined, freq: 2 }),
  message: fc.option(fc.constant('No.'), { nil: undefined }),
}).map(({ message, enforceFor, coach, ...rest }) => ({
  ...rest, ...message === undefined ? {} : { message }, ...coach === undefined || rest.action !== 'block' ? {} : { coach },
  ...enforceFor === undefined || rest.mode === 'monitor' ? {} : { enforceFor },
}))

/** A policy document, not parsed yet. */
export const policies = fc.record({
  default: one(ACTIONS), unknownTenant: one(ACTIONS), rules: fc.array(rule, { maxLength: 12 }),
}).map(policy => ({ ...policy, rules: policy.rules.map((rule, i) => ({ id: `r${i}`, ...rule })) }))

/** A request, without what the caller could not have normalised. */
export const requests: fc.Arbitrary<Facts> = fc.record({
  provider: one([...POOLS.provider, 'box', null]),
  activity: one(POOLS.activity),
  step: fc.constant('single'),
  size: fc.record({ bytes: one(FACTS.bytes), is: one(['exact', 'at-least']) }),
  body: fc.option(fc.record({ bytes: one(FACTS.bytes), isAll: fc.boolean() }), { nil: undefined }),
  before: fc.option(fc.tuple(one(FACTS.bytes), one(FACTS.bytes)), { nil: undefined }),
  sessionLost: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  isEncoded: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  standing: one(STANDINGS),
  tenantIds: fc.uniqueArray(one(POOLS.tenantId), { maxLength: 2 }),
  tenantDenies: fc.boolean(),
  method: one(POOLS.method),
  userAgent: one(FACTS.userAgent),
  client: one(POOLS.client),
  ip: one(FACTS.ip),
  user: fc.option(one(POOLS.user), { nil: undefined }),
  excepted: fc.option(fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 6 }), { nil: undefined }),
  groups: fc.option(fc.uniqueArray(one(POOLS.group), { maxLength: 2 }), { nil: undefined }),
  moreGroups: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  host: one(FACTS.host),
  path: one(FACTS.path),
  at: times,
  names: fc.array(one(FACTS.name), { maxLength: 3 }),
  several: fc.boolean(),
  moreNames: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  late: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  contentType: fc.option(one(FACTS.contentType), { nil: undefined }),
}).map(({ user, excepted, groups, contentType, names, several, late, moreNames, body, before, ...rest }) => ({
  ...rest as Omit<Facts, 'fileNameIs'>,
  ...user === undefined ? {} : { user },
  ...body === undefined ? {} : { body },
  ...before === undefined ? {} : { sentBefore: (overMs: number) => overMs > 3_600_000 ? before[0] + before[1] : before[0] },
  ...groups === undefined ? {} : { groups },
  ...excepted === undefined ? {} : { excepted: new Map(excepted.map(i => [`r${i}`, `exception-${i}`])) },
  ...contentType === undefined ? {} : { contentType },
  ...names[0] === undefined ? {} : { fileName: names[0] },
  ...several && names.length > 0 ? { fileNames: names } : {},
  ...moreNames ? { moreNames } : {},
  fileNameIs: late ? 'late' : names.length > 0 ? 'known' : 'none',
}))
