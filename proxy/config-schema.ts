/**
 * Every key of `sluice.yaml`, with its default and the reason for it. A leaf is a codec: what is written in the file
 * on one side, what the program works with on the other (durations in milliseconds, sizes in bytes, addresses split).
 * `description` completes the sentence "must be …" for people.
 */
import { Type } from 'typebox'
import type { StaticDecode, TSchema } from 'typebox'
import type { OidcSettings } from '../policy/admin/oidc-settings.ts'
import { parseLimits } from './config-admin.ts'
import { formatKerberos, parseKerberos } from './config-kerberos.ts'
import { formatProxyLimits, parseProxyLimits } from './config-limits.ts'
import { formatLdap, formatPlaces, parseLdap, parsePlaces } from './config-people.ts'
import { parseOidc } from './config-oidc.ts'
import { formatRestrict, parseRestrict } from './config-restrict.ts'
import {
  formatAddress, formatBytes, formatDuration, parseAddress, parseBytes, parseCidr, parseDomain, parseDuration,
  parseHostPattern, parseProxyUrl, parseStoreUrl, parseTargetAddress,
} from './config-values.ts'
import { formatSink, parseSink } from './config-sink.ts'
import { formatPins, parsePins } from './pins.ts'
import type { Address } from './config-values.ts'

const strict = { additionalProperties: false, default: {} }
const nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { default: null, description })
const flag = (value: boolean) => Type.Boolean({ default: value, description: 'true or false' })
const oneOf = <const T extends string>(values: readonly T[], value: NoInfer<T>) =>
  Type.Unsafe<T>(Type.Enum([...values], { default: value, description: `one of ${values.join(', ')}` }))
const list = (parse: (text: string) => string, description: string) =>
  Type.Codec(Type.Array(Type.String(), { default: [], description }))
    .Decode((items): readonly string[] => items.map((item, i) => entry(parse, item, i + 1))).Encode(items => [...items])
const entry = (parse: (text: string) => string, item: string, position: number) => {
  try {
    return parse(item)
  } catch (error) {
    throw new Error(`entry ${position} ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
const text = (description: string) => nullable(Type.String({ minLength: 1, maxLength: 1_000 }), description)
const duration = (value: string) => Type.Codec(Type.String({ default: value, description: 'a duration such as 30s or 90d' }))
  .Decode(parseDuration).Encode(formatDuration)
const url = (parse: (text: string) => string, description: string) => Type.Codec(nullable(Type.String(), description))
  .Decode(value => value === null ? null : parse(value)).Encode(value => value)

const address = Type.Codec(Type.String({ default: '127.0.0.1:3180', description: 'host:port' }))
  .Decode(parseAddress).Encode(formatAddress)
const addresses = Type.Codec(Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })],
  { default: '127.0.0.1:3128', description: 'host:port, or a list of them' }))
  .Decode((value): readonly Address[] => (Array.isArray(value) ? value : [value]).map(parseAddress))
  .Encode(value => value.map(formatAddress))
const bytes = Type.Codec(Type.Union([Type.String(), Type.Integer({ minimum: 0 })],
  { default: '16KiB', description: 'a size such as 16KiB' }))
  .Decode(parseBytes).Encode(formatBytes)
const addressMap = Type.Codec(Type.Record(Type.String(), Type.String(),
  { default: {}, description: 'a map of host:port to host:port' }))
  .Decode((map): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(map).map(([name, target]) => [parseTargetAddress(name), parseTargetAddress(target)])))
  .Encode(map => ({ ...map }))

const restriction = Type.Union([Type.Boolean(), Type.Enum(['on', 'off']), Type.Record(Type.String(), Type.Unknown())])

const proxy = Type.Object({
  /** Loopback, so that a first start opens nothing to the network. Several allowed; off loopback `clients` must be set. */
  listen: addresses,
  /**
   * Files (PEM) of the certificate, its chain behind it, and of the key: then clients speak TLS to the proxy. `clientCa`: they must show
   * a certificate of these authorities. SIGHUP takes over renewed ones.
   */
  tls: nullable(Type.Object(
    { cert: Type.String({ minLength: 1 }), key: Type.String({ minLength: 1 }), clientCa: Type.Optional(Type.String({ minLength: 1 })) },
    { additionalProperties: false }), 'null or { cert, key, clientCa }'),
  /** The address that PAC gives out, where it is not the one listened on (a container, a load balancer). */
  publicUrl: url(value => parseProxyUrl(value, false), 'null, http://host:port or https://host:port'),
  /** Networks (CIDR) that may use the proxy. Empty on loopback: whoever reaches the socket. */
  clients: list(parseCidr, 'a list of networks such as 10.0.0.0/8'),
  /** Whether clients must say who they are. `basic`: by user and password, checked by `people.file` or `people.ldap`. `negotiate`: by Kerberos ticket, checked by `people.kerberos`. `mtls`: by certificate. */
  auth: oneOf(['none', 'basic', 'negotiate', 'mtls'], 'none'),
  /** What carries HTTP/1.1 inside intercepted tunnels: `relay` by the bytes as they come, `pipeline` by Node's streams, as all else is carried. */
  engine: oneOf(['relay', 'pipeline'], 'relay'),
  /** Processes that carry the traffic, each with the clients that are its own; `auto`: one for each core. 1: the one that everything is in, which costs least a request. */
  workers: Type.Union([Type.Integer({ minimum: 1, maximum: 256 }), Type.Literal('auto')],
    { default: 1, description: 'a number from 1, or auto' }),
  /** How long transfers may finish after SIGTERM; an orchestrator's own grace period should be longer. */
  drain: duration('30s'),
  /** Whose PROXY protocol and Forwarded headers count. None: an address that a client can write is no address. */
  trustedPeers: list(parseCidr, 'a list of networks such as 10.0.0.0/8'),
  /** What one client, and all together, may take of the proxy; each key, its default and the reason in `config-limits.ts`. */
  limits: Type.Codec(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]),
    { default: {}, description: 'a map such as { tunnelsPerClient: 1000, tunnelIdle: 30m }' }))
    .Decode(parseProxyLimits).Encode(formatProxyLimits),
}, strict)

const intercept = Type.Object({
  /** `providers`: only hosts of the catalogue are opened. `none` (break-glass): nothing is opened, nothing decided. */
  mode: oneOf(['providers', 'all', 'none'], 'providers'),
  /** Hosts of the catalogue that are spliced all the same. */
  bypass: list(parseHostPattern, 'a list of host names, or *.example.com'),
  /**
   * Names that are served where cloud storage is, by the catalogue or by their addresses. `splice`: their tunnels are counted, and rules
   * with activity `tunnel` end them; README says what that leaves open. `intercept`: they are opened where the CA can sign, else refused.
   */
  front: oneOf(['splice', 'intercept', 'block'], 'splice'),
  /** No SNI, encrypted ClientHello, IP literal or not TLS: the destination cannot be known, so it is refused. */
  opaque: oneOf(['block', 'splice', 'log'], 'block'),
  /** Hosts of programs that refuse any CA but their own (`pinned` in `sluice providers`): refused, or passed unseen. */
  pinned: oneOf(['block', 'bypass'], 'block'),
  /** When a recogniser fails: a defect, or an attack on it, must not open the way. */
  onError: oneOf(['block', 'log', 'allow'], 'block'),
  /** A body over this size that no endpoint row explains is an upload: API calls stay below, files do not. */
  unexplainedBody: bytes,
  /** Files (YAML) with further providers. */
  catalogue: list(value => value, 'a list of files'),
}, strict)

const upstream = Type.Object({
  /** Static addresses, each for that name only. */
  hosts: addressMap,
  /** Files (PEM) with roots that are trusted besides the built-in ones; read again at SIGHUP. */
  ca: list(value => value, 'a list of files'),
  /** Files (PEM) with revocation lists, read again at SIGHUP. With any, an origin is refused unless each authority of its chain has a valid one. */
  crl: list(value => value, 'a list of files'),
  /** `{ "api.dropboxapi.com": ["sha256/…"] }`: one certificate of an opened host's chain must have one of these public keys (RFC 7469 §2.4). */
  pins: Type.Codec(Type.Record(Type.String(), Type.Array(Type.String()), { default: {}, description: 'a map of host to a list of pins' }))
    .Decode(parsePins).Encode(formatPins),
  /** A proxy further up; names are then resolved there. */
  parent: url(value => parseProxyUrl(value, true), 'null or http://user:secret@host:port'),
  /** Private networks that may be reached. None: a proxy is a way into the inside otherwise. */
  allow: list(parseCidr, 'a list of networks such as 10.0.0.0/8'),
  /**
   * With whom a pooled connection may be shared. `client`: one's own tunnels only. `all`: requests with a bearer token and no cookie,
   * to hosts of the catalogue, take any that is free, which saves handshakes.
   */
  share: oneOf(['client', 'all'], 'client'),
}, strict)

const store = Type.Object({
  /** `embedded:` needs no service and suits one node; Redis lets several nodes share policy and tenants. */
  url: Type.Codec(Type.String({ default: 'embedded:./data', description: 'embedded:DIRECTORY, redis://… or rediss://…' }))
    .Decode(parseStoreUrl).Encode(value => value),
  /** false: where there is neither store nor snapshot, start on the strict built-in policy instead of not at all. */
  required: flag(true),
}, strict)

const tenants = Type.Object({
  /**
   * Per account system, `{ google: on }`: the provider itself keeps out who is not on the allowlist. Some need more:
   * `microsoft: { directory: GUID, policy: GUID, consumer: block }`, `slack: { workspace: T… }`. Nobody by default: each
   * has to be prepared at the provider. The hosts that a restriction works on are opened for it.
   */
  restrict: Type.Codec(Type.Record(Type.String(), restriction, { default: {}, description: 'a map of account to on, off or a map' }))
    .Decode(parseRestrict).Encode(formatRestrict),
  /** Learn from sign-in and from answers which drive or token belongs to which tenant. Sign-in hosts are opened for it. */
  learn: flag(true),
  /** Ask the provider's API whose account a token is, with the client's own token: a request that nobody made. */
  ask: flag(false),
  /** How long a request waits for that answer. */
  askTimeout: duration('2s'),
  /** The key that hashes credentials, the same on all nodes. null: tenant.key beside certs.dir, made at the first start. */
  keyFile: text('null or a file'),
  /** Files (JSON Web Key Sets) with the keys that sign tokens. Empty: what a token says of itself may deny, but never allow. */
  keySets: list(value => value, 'a list of files'),
}, strict)

const people = Type.Object({
  /** A YAML file of users, their groups, addresses and password hashes; read again when it changes. */
  file: text('null or a file'),
  /** `{ "10.1.2.0/24": { user: name, groups: [name] } }`: who is at an address. The longest network counts. */
  networks: Type.Codec(Type.Record(Type.String(), Type.Unknown(), { default: {}, description: 'a map of network to { user, groups }' }))
    .Decode(parsePlaces).Encode(formatPlaces),
  /** `{ url, base, bindDn, passwordFile, … }`: a directory service that knows groups, and passwords for `proxy.auth`. */
  ldap: Type.Codec(nullable(Type.Record(Type.String(), Type.Unknown()), 'null or a map with url and base'))
    .Decode(value => value === null ? null : parseLdap(value)).Encode(value => value === null ? null : formatLdap(value)),
  /**
   * `{ keytab, principal, realms }`: a file with the proxy's Kerberos keys, for `proxy.auth: negotiate`. `principal`: the one whose tickets are
   * taken; left out: every `HTTP/…` of the keytab. `realms`: whose users are known by their names alone; left out: the realm of the key.
   */
  kerberos: Type.Codec(nullable(Type.Record(Type.String(), Type.Unknown()), 'null or a map with keytab'))
    .Decode(value => value === null ? null : parseKerberos(value)).Encode(value => value === null ? null : formatKerberos(value)),
}, strict)

const admin = Type.Object({
  listen: address,
  /** Where `/healthz`, `/readyz` and `/metrics` are answered besides, without anything that a token opens; for monitoring off this machine. */
  healthListen: Type.Codec(nullable(Type.String(), 'null or host:port'))
    .Decode((value): Address | null => value === null ? null : parseAddress(value)).Encode(value => value === null ? null : formatAddress(value)),
  /** A file with the first admin token; without it (and `SLUICE_ADMIN_TOKEN`) one is made and shown once. */
  tokenFile: text('null or a file'),
  /** Files (PEM) of the certificate, its chain behind it, and of the key: then the API is HTTPS. SIGHUP takes over renewed ones. */
  tls: nullable(Type.Object({ cert: Type.String({ minLength: 1 }), key: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
    'null or { cert, key }, two files'),
  /** true: off loopback without TLS, because something in front brings it. */
  insecure: flag(false),
  /** Reverse proxies in front of the API, whose X-Forwarded-For counts. None: an address that a client can write is no address. */
  trustedPeers: list(parseCidr, 'a list of networks such as 10.0.0.0/8'),
  /** Requests in a minute: with one token (600), and from one address (1200, an IPv6 network of 64 bits counting as one). */
  limits: Type.Codec(Type.Record(Type.String(), Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    { default: {}, description: 'a map of perToken and perAddress to a number of requests in a minute' }))
    .Decode(parseLimits).Encode(value => ({ ...value })),
  /**
   * Whose JSON Web Tokens open the API too: `{ issuer, audience, roles: { admin: [value], editor: [], viewer: [] } }`, and where the defaults
   * do not fit `rolesClaim` (roles), `subjectClaim` (sub), `jwksUri` or `keySetFile` (else: by the issuer's discovery document).
   */
  oidc: Type.Codec(nullable(Type.Record(Type.String(), Type.Unknown()), 'null or a map of issuer, audience and roles'))
    .Decode((value): OidcSettings | null => value === null ? null : parseOidc(value)).Encode(value => value === null ? null : { ...value }),
}, strict)

const certs = Type.Object({
  dir: Type.String({ default: './data/ca', minLength: 1, description: 'a directory' }),
  /** `catalogue`: the CA that Sluice makes can sign for the catalogue's domains only; a stolen key opens no bank. */
  constrain: oneOf(['catalogue', 'none'], 'catalogue'),
  /** Further DNS domains for which the CA may sign. */
  domains: list(parseDomain, 'a list of DNS domains'),
  /** A file with the passphrase under which the CA's key is stored; without it (and `SLUICE_CERTS_PASSPHRASE`) it lies in the clear, 0600. */
  passphraseFile: text('null or a file'),
}, strict)

const refusal = Type.Object({
  /** Whose proxy this is, as the refused person reads it. */
  organisation: text('null or a name'),
  /** Whom to ask: an e-mail address, a URL, a phone number. */
  contact: text('null or a text'),
  /** An image file, which the page shows. */
  logo: text('null or a file'),
  /** Of the page that a person is shown; auto: what the browser prefers. */
  language: oneOf(['en', 'ru', 'auto'], 'en'),
}, strict)

const sink = Type.Object({
  type: Type.Enum(['file']), path: Type.String({ minLength: 1 }),
  /** A new file is begun at this size and each day (UTC), and `retention` removes those before. false: another program does both. */
  rotate: Type.Optional(Type.Union([Type.String(), Type.Integer({ minimum: 0 }), Type.Literal(false)])),
}, { additionalProperties: false })
const events = Type.Object({
  /** Where events go, each in Elastic Common Schema. Empty: none are kept but the last 1,000, in memory. */
  sinks: Type.Codec(Type.Array(sink, {
    default: [{ type: 'file', path: './data/events.ndjson' }],
    description: 'a list of { type: file, path: FILE, rotate: a size such as 256MB, or false }',
  })).Decode(sinks => sinks.map(parseSink)).Encode(sinks => sinks.map(formatSink)),
  /** Rotated files whose newest event is older are removed. */
  retention: duration('90d'),
  /** Users and addresses in events, usage and log are replaced by keyed hashes: the same person is the same one still. */
  pseudonymise: flag(false),
  /** The key of those hashes, the same on all nodes. null: pseudonym.key beside certs.dir, made when it is needed. */
  keyFile: text('null or a file'),
}, strict)

export const ConfigSchema = Type.Object({
  proxy, intercept, upstream, store, tenants, people,
  /** A block rule whose open fact is told only after content has moved: settled before (`block`), or not (`allow`). */
  policy: Type.Object({ late: oneOf(['block', 'allow'], 'block') }, strict),
  admin, certs,
  /** What the PAC file sends here: everything, or the catalogue's hosts only. Never a DIRECT fall-back for those. */
  pac: oneOf(['all', 'providers'], 'all'),
  refusal, events,
}, { additionalProperties: false })

export type ConfigValues = StaticDecode<typeof ConfigSchema>
