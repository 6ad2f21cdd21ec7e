/**
 * The policy document as a JSON schema (TypeBox), with the types that follow from it. Every `description` says
 * what is allowed there: it is what an error message and the API's documentation show.
 */
import Type from 'typebox'
import type { TSchema } from 'typebox'
import { DAYS } from './local-time.ts'
import { ACTIONS, ACTIVITIES, CLIENT_CLASSES, CUSTOM_ID, STANDINGS } from './operation.ts'
import { PROVIDERS } from './providers/index.ts'
import { SIZE_FORM } from './size.ts'

export const MAX_RULES = 10_000
export const MAX_PATTERN = 512
const MAX_LIST = 1000
const MAX_IDS = 10_000

/** Conditions of later versions: an error says so instead of calling them misspelt. */
export const LATER_KEYS: readonly string[] = [
  'process', 'file', 'content', 'anomaly', 'spoofed',
]

function list(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`
}

function oneOrMany<T extends TSchema>(item: T, description: string, maxItems = MAX_LIST) {
  return Type.Optional(Type.Union([item, Type.Array(item, { minItems: 1, maxItems })], {
    description: `${description}, or a list of 1 to ${maxItems.toLocaleString('en')} of them (any of)`,
  }))
}

function choice<Names extends string[]>(names: readonly [...Names]) {
  return oneOrMany(Type.Enum<Names>(names), `one of ${list(names)}`)
}

function text(maxLength: number, pattern = '^[^\\u0000-\\u001f\\u007f]+$') {
  return Type.String({ minLength: 1, maxLength, pattern })
}

const closed = { additionalProperties: false }
const size = Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), text(24)], { description: SIZE_FORM }))
const clock = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'a time of day, 00:00 to 23:59' })
const pattern = text(MAX_PATTERN)
const glob = 'where * stands for anything within a segment, ** for anything, ? for one character; case does not count'

/** The id of a provider that `intercept.catalogue` declares. */
const custom = Type.Unsafe<`custom-${string}`>(Type.String({ pattern: CUSTOM_ID }))

const conditions = Type.Cyclic({
  When: Type.Object({
    provider: oneOrMany(Type.Union([Type.Enum([...PROVIDERS]), custom]), `one of ${list([...PROVIDERS, 'custom-…'])}`),
    activity: choice(ACTIVITIES),
    tenant: oneOrMany(text(256), `a standing (${list(STANDINGS)}) or a tenant id of up to 256 characters`, MAX_IDS),
    method: oneOrMany(text(32, '^[!#$%&\'*+.^_`|~0-9A-Za-z-]+$'), 'an HTTP method'),
    size: Type.Optional(Type.Object({ atLeast: size, below: size }, {
      ...closed, minProperties: 1, description: 'an object of atLeast and below, at least one of them',
    })),
    userAgent: Type.Optional(Type.Object({
      matches: oneOrMany(pattern, `an RE2 pattern of up to ${MAX_PATTERN} characters, found anywhere`),
      contains: oneOrMany(pattern, `a text of up to ${MAX_PATTERN} characters; case does not count`),
    }, { ...closed, minProperties: 1, description: 'an object of matches and contains, at least one of them' })),
    client: choice(CLIENT_CLASSES),
    user: oneOrMany(text(256), 'a user name of up to 256 characters; case does not count', MAX_IDS),
    group: oneOrMany(text(256), 'a group name of up to 256 characters; case does not count', MAX_IDS),
    source: oneOrMany(text(64), 'an address or a network such as 10.0.0.0/8 or 2001:db8::/32', MAX_IDS),
    host: oneOrMany(text(253, '^(\\*\\.)?[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$'),
      'a host name, or *.example.com for every name below example.com'),
    path: oneOrMany(pattern, `a path of up to ${MAX_PATTERN} characters, ${glob}`),
    fileName: oneOrMany(pattern, `a file name of up to ${MAX_PATTERN} characters, ${glob}`),
    contentType: oneOrMany(text(128, '^[!#$&^_.+A-Za-z0-9-]+/([!#$&^_.+A-Za-z0-9-]+|\\*)$'),
      'a media type such as application/zip or image/*'),
    time: Type.Optional(Type.Object({
      days: choice(DAYS),
      from: Type.Optional(clock),
      to: Type.Optional(clock),
      timezone: Type.Optional(Type.String({
        minLength: 1, maxLength: 64, description: 'an IANA time zone such as Europe/Berlin (left out: UTC)',
      })),
    }, {
      ...closed, minProperties: 1,
      description: 'an object of days, from (included), to (excluded) and timezone; a from later than to passes midnight',
    })),
    volume: Type.Optional(Type.Object({
      over: Type.String({ minLength: 1, maxLength: 12, description: 'a duration such as 1h or 7d, from 1m to 31d' }),
      atLeast: Type.Union([Type.Integer({ minimum: 1 }), text(24)], { description: SIZE_FORM }),
    }, {
      ...closed, description: 'an object of over and atLeast: what this user, or else this address, has sent to the provider in that time, with this request',
    })),
    not: Type.Optional(Type.Ref('When')),
  }, { ...closed, description: 'an object of conditions' }),
}, 'When')

export const RuleSchema = Type.Object({
  id: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,63}$',
    description: '1 to 64 lower-case letters, digits and hyphens, not starting with a hyphen',
  }),
  description: Type.Optional(Type.String({ maxLength: 1000, description: 'a text of up to 1,000 characters' })),
  enabled: Type.Optional(Type.Boolean({ description: 'true or false' })),
  mode: Type.Optional(Type.Enum(['enforce', 'monitor'], { description: 'enforce or monitor' })),
  enforceFor: Type.Optional(Type.Object({
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'a share of all users, 0 to 100' })),
    groups: oneOrMany(text(256), 'a group name of up to 256 characters; case does not count', MAX_IDS),
  }, {
    ...closed, minProperties: 1,
    description: 'an object of percent and groups, at least one of them: for all others the rule is in monitor mode',
  })),
  when: Type.Optional(conditions),
  action: Type.Enum([...ACTIONS], { description: list(ACTIONS) }),
  coach: Type.Optional(Type.Boolean({ description: 'true or false: whether those who are blocked may ask for an exception' })),
  message: Type.Optional(Type.String({
    minLength: 1, maxLength: 500, pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    description: 'one line of up to 500 characters, for the person who is refused',
  })),
}, { ...closed, description: 'a rule: an object of id, when, action and, if wanted, description, enabled, mode, enforceFor, coach, message', title: 'Rule' })

/** What a policy document may hold, in YAML, JSON and the API; `parsePolicy` tells what is checked beyond it. */
export const PolicySchema = Type.Object({
  default: Type.Enum([...ACTIONS], { description: list(ACTIONS) }),
  unknownTenant: Type.Enum([...ACTIONS], { description: list(ACTIONS) }),
  rules: Type.Array(RuleSchema, {
    maxItems: MAX_RULES, description: `a list of up to ${MAX_RULES.toLocaleString('en')} rules`,
  }),
}, { ...closed, description: 'an object of default, unknownTenant and rules', title: 'Policy' })

/** The conditions of a rule: all that are named must hold. Values are kept as written (`10MB`, scalar or list). */
export type When = Type.Static<typeof conditions>

/** One rule with every default filled in. */
export type Rule = Type.Static<typeof RuleSchema> & {
  enabled: boolean
  mode: 'enforce' | 'monitor'
  when: When
}

/** An ordered policy. Plain JSON. */
export interface Policy {
  default: Type.Static<typeof PolicySchema>['default']
  unknownTenant: Type.Static<typeof PolicySchema>['unknownTenant']
  rules: Rule[]
}
