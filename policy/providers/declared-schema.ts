/** The form of a file of `intercept.catalogue`. Each `description` completes "must be …" for people. */
import Type from 'typebox'
import { ACTIVITIES, CUSTOM_ID, STEPS } from '../operation.ts'
import { ACCOUNTS } from './index.ts'
import { HOST_ROLES } from './provider.ts'

const closed = { additionalProperties: false }
const HOST = '^(\\*\\.)?([a-z0-9_*-]{1,63}\\.)*[a-z0-9_-]{1,63}\\.[a-z][a-z0-9-]{0,62}$'
const DOMAIN = '^([a-z0-9_-]{1,63}\\.)+[a-z][a-z0-9-]{0,62}$'

const text = (description: string, pattern = '^[^\\u0000-\\u001f\\u007f]+$', maxLength = 200) =>
  Type.String({ minLength: 1, maxLength, pattern, description })
const list = (items: ReturnType<typeof text>, description: string, maxItems = 100) =>
  Type.Array(items, { minItems: 1, maxItems, description })
const among = (names: readonly string[]) => `one of ${names.join(', ')}`

export const LIKE = ['webdav', 's3'] as const

/** A spliced connection has no requests, so no row can be one. */
const ROW_ACTIVITIES = ACTIVITIES.filter(activity => activity !== 'tunnel')

const host = text('a lower-case host name, or *.example.com for every name below; * further right is part of one label', HOST, 253)
const domain = text('a lower-case DNS domain', DOMAIN, 253)
const header = text('a header name', "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

const source = (what: string) => Type.Optional(Type.Object({
  header: Type.Optional(header),
  query: Type.Optional(text('the name of a query parameter')),
  path: Type.Optional(text('a parameter of the path, without braces', '^[a-z][a-z0-9_]{0,31}$')),
  json: Type.Optional(text('a member of the JSON body such as item.size or files[].name', '^[\\w@$-]+(\\[\\])?(\\.[\\w@$-]+(\\[\\])?){0,15}$')),
  form: Type.Optional(text('the name of a part of the form')),
}, { ...closed, description: `where the request tells the ${what}: one of header, query, path, json, form` }))

const RowSchema = Type.Object({
  methods: list(text('an upper-case HTTP method', '^[A-Z][A-Z-]{0,31}$'), 'a list of HTTP methods', 16),
  path: text('a path such as /api/files/{name}, where {name} and * stand for one segment and ** for any number', '^/', 512),
  hosts: Type.Optional(list(host, 'a list of the provider\'s hosts for which the row holds')),
  query: Type.Optional(list(text('a query parameter that must be there: name or name=value'), 'a list of query parameters', 8)),
  activity: Type.Enum([...ROW_ACTIVITIES], { description: among(ROW_ACTIVITIES) }),
  step: Type.Optional(Type.Enum([...STEPS], { description: among(STEPS) })),
  size: source('size'),
  name: source('file name'),
  session: source('upload session'),
  tenant: source('tenant'),
  source: Type.Optional(text('a text: where the row comes from', undefined, 300)),
  proven: Type.Optional(Type.Boolean({ description: 'true when a real client was seen to do so, or false' })),
}, { ...closed, description: 'an endpoint: an object of methods, path, activity and, if wanted, step, hosts, query, size, name, session, tenant, source, proven' })

const ProviderSchema = Type.Object({
  id: Type.Optional(Type.Unsafe<`custom-${string}`>(text('custom- and lower-case letters, digits and hyphens, up to 47 characters', CUSTOM_ID, 47))),
  like: Type.Optional(Type.Enum([...LIKE], { description: among(LIKE) })),
  account: Type.Optional(Type.Enum([...ACCOUNTS], { description: among(ACCOUNTS) })),
  hosts: Type.Array(Type.Object({
    pattern: host,
    role: Type.Optional(Type.Enum([...HOST_ROLES], { description: 'storage, sign-in or pinned' })),
  }, { ...closed, description: 'an object of pattern and, if wanted, role' }), { minItems: 1, maxItems: 200, description: 'a list of hosts' }),
  domains: Type.Optional(list(domain, 'a list of DNS domains')),
  endpoints: Type.Optional(Type.Array(RowSchema, { minItems: 1, maxItems: 500, description: 'a list of endpoints' })),
}, { ...closed, description: 'a provider: an object of id, hosts and endpoints or like and, if wanted, account and domains' })

export const DeclaredSchema = Type.Object({
  providers: Type.Array(ProviderSchema, { minItems: 1, maxItems: 100, description: 'a list of providers' }),
}, { ...closed, description: 'an object of providers' })

export type DeclaredProvider = Type.Static<typeof ProviderSchema>
export type DeclaredRow = Type.Static<typeof RowSchema>
export type DeclaredSource = NonNullable<DeclaredRow['size']>
