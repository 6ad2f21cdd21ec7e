/** What `sluice check` shows: the effective configuration, and what it leaves open. */
import { Value } from 'typebox/value'
import { stringify } from 'yaml'
import type { Config } from './config.ts'
import { ConfigSchema } from './config-schema.ts'
import { formatAddress, isLoopback, maskUrl } from './config-values.ts'

/** The effective configuration as YAML of the file's own form, credentials replaced by `***`. */
export function describeConfig(config: Config): string {
  const { token, ...admin } = config.admin
  const { passphrase, ...certs } = config.certs
  const masked = {
    ...config,
    admin,
    certs,
    store: { ...config.store, url: maskUrl(config.store.url) },
    upstream: { ...config.upstream, parent: config.upstream.parent === null ? null : maskUrl(config.upstream.parent) },
  }
  const text = stringify(Value.Encode(ConfigSchema, structuredClone(masked)), { lineWidth: 0 })
  return [text, ...token === null ? [] : ['# The first admin token is set, and not shown.\n'],
    ...passphrase === null ? [] : ['# The passphrase of the authority\'s key is set, and not shown.\n']].join('')
}

/** What proves who somebody is. */
const PROOFS = { none: 'connection', basic: 'password', negotiate: 'ticket', mtls: 'certificate' } as const

/** What a provider's own restriction does not reach. */
function restrictionOpenings(restrict: Config['tenants']['restrict']): [boolean, string][] {
  return [
    [Object.keys(restrict).length > 0, 'tenants.restrict: it guards sign-in; tokens that were given out elsewhere work until they end.'],
    [restrict.microsoft !== undefined, 'tenants.restrict.microsoft: the sign-in hosts of national clouds (.us, .cn) are not restricted.'],
    [restrict.microsoft !== undefined && restrict.microsoft.policy !== null,
      'tenants.restrict.microsoft.policy: Entra says which tenants are let in, not the allowlist.'],
    [restrict.microsoft?.consumer === 'allow', 'tenants.restrict.microsoft.consumer allow: personal accounts may sign in.'],
    [restrict.google !== undefined, 'tenants.restrict.google: Google\'s hosts that are no cloud storage (mail, search) pass unread, ' +
      'without the field.'],
    [restrict.gcp !== undefined, 'tenants.restrict.gcp: Google Cloud\'s console and all APIs but storage pass unread, without the field.'],
    [restrict.chatgpt !== undefined, 'tenants.restrict.chatgpt: use without signing in is not restricted.'],
  ]
}

/** One sentence for everything that this configuration does not look at, does not refuse or leaves to others. */
export function openings(config: Config): string[] {
  const { proxy, intercept, upstream, store, tenants, people, policy, admin, certs, events } = config
  const everyone = proxy.clients.filter(network => network.endsWith('/0'))
  const notes: [boolean, string][] = [
    [intercept.mode === 'none', 'intercept.mode none: nothing is opened, recognised or blocked; every tunnel passes.'],
    [intercept.front === 'splice', 'intercept.front splice: a storage request hidden under another name of a ' +
      'provider\'s edge passes unread; it is metered as a tunnel, and rules with activity tunnel hold.'],
    [intercept.front === 'intercept', 'intercept.front intercept: what people do under other names of a provider\'s edge is decrypted, ' +
      'and the CA can sign for them; names that only share its addresses are opened where the CA can sign, refused elsewhere.'],
    [intercept.front !== 'splice' && upstream.parent !== null, `intercept.front ${intercept.front} and upstream.parent: the parent knows the addresses, ` +
      'so only names that the catalogue lists count as fronts.'],
    [intercept.opaque === 'splice', 'intercept.opaque splice: connections whose destination cannot be read pass unread.'],
    [intercept.opaque === 'log', 'intercept.opaque log: connections whose destination cannot be read pass unread, recorded.'],
    [intercept.pinned === 'bypass', 'intercept.pinned bypass: desktop programs that accept no other authority upload unseen, wherever they like.'],
    [intercept.onError !== 'block', `intercept.onError ${intercept.onError}: what makes a recogniser fail is not blocked.`],
    [intercept.bypass.length > 0, `intercept.bypass: uploads to ${intercept.bypass.join(', ')} are not seen; of their tunnels, rules with activity tunnel decide.`],
    ...restrictionOpenings(tenants.restrict),
    [store.url.startsWith('redis') && tenants.keyFile === null, 'tenants.keyFile null: each node makes a key of its own, ' +
      'so what one learns of a credential the others do not know; mount the same file on all.'],
    [!tenants.learn, 'tenants.learn false: where host and path do not name the tenant, only verified tokens and tenants.ask tell it.'],
    [tenants.ask, 'tenants.ask: Sluice puts a question to the provider with the client\'s own token, which nobody else made.'],
    [policy.late === 'allow', 'policy.late allow: where a block rule hangs on a fact told at the end, content has left by then.'],
    [!store.required, 'store.required false: without store and snapshot, the strict built-in policy decides instead of yours.'],
    [/^redis:/.test(store.url), 'store.url redis: policy, tenants and the Redis password travel without TLS.'],
    [everyone.length > 0, `proxy.clients ${everyone.join(', ')}: everyone who reaches the address may use the proxy.`],
    [proxy.clients.length === 0 && proxy.auth === 'none', 'proxy.clients is empty: every program on this machine may use the proxy.'],
    [proxy.clients.length === 0 && proxy.auth !== 'none', `proxy.clients is empty: from everywhere, whoever has a ${PROOFS[proxy.auth]} may use the proxy.`],
    [proxy.auth === 'basic' && proxy.tls === null && proxy.listen.some(address => !isLoopback(address)),
      'proxy.auth basic: passwords travel to the proxy without TLS; whoever can listen on the network reads them.'],
    [proxy.auth === 'negotiate' && proxy.tls === null && proxy.listen.some(address => !isLoopback(address)),
      'proxy.auth negotiate: tickets travel to the proxy without TLS; one that is caught is refused here, but another node with the same key takes it.'],
    [(people.kerberos?.realms?.length ?? 0) > 1,
      `people.kerberos.realms: people of one name in ${people.kerberos?.realms?.join(' and ') ?? ''} are one and the same to rules and events.`],
    [proxy.auth === 'none' && Object.values(people.networks).length > 0, 'people.networks: who is at an address is believed to be who is named for it.'],
    [people.ldap?.insecure === true, 'people.ldap.insecure: passwords and groups travel to the directory service without TLS.'],
    [upstream.allow.length > 0, `upstream.allow: clients reach the private networks ${upstream.allow.join(', ')} through the proxy.`],
    [upstream.ca.length > 0, `upstream.ca: certificates by the roots in ${upstream.ca.join(', ')} are trusted for every host.`],
    [Object.keys(upstream.pins).length > 0, 'upstream.pins: hosts that pass unopened are checked by their clients only.'],
    [upstream.share === 'all', 'upstream.share all: an origin that mixes up its answers may show one person those of another.'],
    [upstream.parent !== null, 'upstream.parent: the parent proxy resolves names, so address checks are left to it, and names that share an address with cloud storage are not told.'],
    [certs.passphrase === null, 'certs.passphraseFile null: whoever can read the CA\'s key file can sign with it.'],
    [certs.constrain === 'none', 'certs.constrain none: whoever steals the CA key can sign for any name.'],
    [!isLoopback(admin.listen) && admin.tls === null, `admin.insecure: tokens travel without TLS to ${formatAddress(admin.listen)}, ` +
      'unless something in front brings it.'],
    [!isLoopback(admin.listen), `admin.listen ${formatAddress(admin.listen)}: whoever reaches it reads /metrics without a token and may try tokens.`],
    [admin.healthListen !== null && !isLoopback(admin.healthListen), `admin.healthListen: whoever reaches ${admin.healthListen === null ? '' : formatAddress(admin.healthListen)} ` +
      'reads /metrics without a token and without TLS.'],
    [admin.insecure && admin.tls === null && admin.trustedPeers.length === 0, 'admin.trustedPeers is empty: callers behind a reverse proxy share its address, ' +
      'in the audit log, in the limits, and when it is locked out.'],
    [admin.trustedPeers.some(network => network.endsWith('/0')), 'admin.trustedPeers: any client may write which address it has.'],
    [admin.oidc !== null, `admin.oidc: whoever ${admin.oidc?.issuer ?? ''} gives a role may use the admin API until that token ends.`],
    [admin.token !== null && admin.token.length < 20, 'The first admin token is shorter than 20 characters and can be guessed.'],
    [events.pseudonymise, 'events.pseudonymise: file names and paths stay as they are, and whoever has the key finds out who is who.'],
    [events.pseudonymise && events.keyFile === null && store.url.startsWith('redis'), 'events.keyFile null: each node makes a key of its own, ' +
      'so the same person has another pseudonym on each; mount the same file on all.'],
    [events.sinks.length === 0, 'events.sinks is empty: no decision is kept.'],
    [events.sinks.some(({ rotate }) => rotate === null), 'events.sinks with rotate false: events.retention removes nothing there; ' +
      'the program that rotates the file must.'],
  ]
  return notes.filter(([open]) => open).map(([, sentence]) => sentence)
}
