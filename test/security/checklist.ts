/**
 * What a proxy that opens TLS must keep to, where that is asked for, and the tests that show it. `npm run security` runs
 * them and prints the table; a requirement without a test is `missing` there, with what is known of it.
 *
 * T: TLS towards origins, C: authority and leaves, H: framing of HTTP/1.1, S: the rest, by area.
 */

export interface NamedTest {
  /** Path from the root of the repository. */
  readonly file: string
  /** Name of the (sub)test within the file. */
  readonly name: string
}

export interface Requirement {
  readonly id: string
  readonly requirement: string
  /** Standard, paper or program that asks for it, or whose fault taught it. */
  readonly source: string
  /** All of them have to pass; none: nothing shows it. */
  readonly tests: readonly NamedTest[]
  /** What the tests do not show, or what Sluice does instead. */
  readonly note?: string
}

const by = (file: string, ...names: readonly string[]): NamedTest[] => names.map(name => ({ file: `test/${file}`, name }))

const UPSTREAM_TLS = 'security/upstream-tls.test.ts'
const REFUSALS = 'security/upstream-refusals.test.ts'
const UPSTREAM = 'e2e/upstream.test.ts'
const FRAMING = 'security/framing.test.ts'
const HEAD = 'proxy/head.test.ts'
const HIDDEN = 'security/hidden-uploads.test.ts'
const EVASIONS = 'security/evasions.test.ts'
const IDENTITY = 'e2e/identity.test.ts'
const HANDSHAKE = 'security/handshake.test.ts'
const LEGS = 'security/tls-legs.test.ts'
const TUNNEL = 'e2e/tunnel.test.ts'
const STALLED = 'security/stalled.slow.test.ts'
const LIMITS = 'security/limits.test.ts'
const LIMITS_PROCESS = 'security/limits-process.test.ts'
const LIMITS_TIME = 'security/limits-time.slow.test.ts'
const DESTINATION = 'proxy/destination.test.ts'
const DESTINATIONS = 'security/destinations.test.ts'
const FORWARD = 'proxy/forward-headers.test.ts'
const RUNTIME = 'proxy/cli.test.ts'
const AUTHORITY = 'certs/authority.test.ts'
const CONSTRAINT = 'certs/constraint.test.ts'
const LEAF = 'certs/leaf.test.ts'
const CONTEXTS = 'certs/context-cache.test.ts'
const PROPERTIES = 'policy/providers/properties.test.ts'
const METER = 'proxy/stages/meter.test.ts'
const SNAPSHOT = 'policy/snapshot.test.ts'
const CONFIG = 'proxy/config.test.ts'
const EVENTS = 'dashboards/events.test.ts'
const AUTH = 'policy/admin/auth.test.ts'
const GSSAPI = 'proxy/people/gssapi.slow.test.ts'
const LOCK_OUT = 'policy/admin/lock-out.test.ts'
const NOT_PROVEN = [...by(UPSTREAM, 'an origin that does not prove who it is gets not one byte of a request'),
  ...by(REFUSALS, 'every chain and handshake that proves nothing')]

const UPSTREAM_REQUIREMENTS: readonly Requirement[] = [
  { id: 'T1', requirement: 'Certificates that have expired or are not valid yet: 502', source: 'RFC 5280 §4.1.2.5; US-CERT TA17-075A',
    tests: [...NOT_PROVEN, ...by(UPSTREAM_TLS, 'a certificate that is not valid yet, or not any more')] },
  { id: 'T2', requirement: 'Certificates for another host: 502', source: 'RFC 9525 §6', tests: NOT_PROVEN },
  { id: 'T3', requirement: 'Self-signed, or signed by nobody known: 502', source: 'RFC 5280 §6.1', tests: NOT_PROVEN },
  { id: 'T4', requirement: 'Signatures over SHA-1 or MD5 are refused', source: 'RFC 9155; badssl.com sha1-intermediate',
    tests: by(UPSTREAM_TLS, 'a certificate signed over SHA-1 or MD5') },
  { id: 'T5', requirement: 'RSA-1024 keys are refused', source: 'NIST SP 800-52r2 §3.2', tests: by(UPSTREAM_TLS, 'a key of RSA-1024') },
  { id: 'T6', requirement: 'DHE of 1024 bits is refused', source: 'NIST SP 800-52r2; badssl.com dh1024',
    tests: by(UPSTREAM_TLS, 'key exchanges and ciphers that are none any more') },
  { id: 'T7', requirement: 'No static RSA, no CBC: ECDHE with AEAD only', source: 'RFC 9325 §4.2; Durumeric et al., NDSS 2017',
    tests: by(UPSTREAM_TLS, 'key exchanges and ciphers that are none any more') },
  { id: 'T8', requirement: 'A host in the common name alone does not count', source: 'RFC 9525 §2', tests: NOT_PROVEN },
  { id: 'T9', requirement: 'EKU for clients only is refused, none is accepted', source: 'RFC 5280 §4.2.1.12', tests: [
    ...by(UPSTREAM_TLS, 'a certificate for clients only', 'a sound origin is accepted, one without an extended key usage too'),
    ...by(LEGS, 'an origin whose certificate names no use is believed, and told of once')] },
  { id: 'T10', requirement: 'Names outside the issuer\'s constraints are refused', source: 'RFC 5280 §4.2.1.10',
    tests: by(UPSTREAM_TLS, 'a certificate outside the name constraints of its issuer') },
  { id: 'T11', requirement: 'No certificate of a public root lives over 825 days', source: 'Apple 103769; CA/B SC-081v3', tests: by(UPSTREAM_TLS,
    'a certificate of a public root that is valid for longer than such may be', 'a namesake of an own root makes no long certificate good'),
    note: 'nor over 398, as browsers have it' },
  { id: 'T12', requirement: 'TLS 1.0 and 1.1 are refused', source: 'RFC 8996', tests: by(UPSTREAM_TLS, 'TLS 1.0 and 1.1') },
  { id: 'T13', requirement: 'RC4, 3DES, NULL and export ciphers are refused', source: 'RFC 7465; RFC 9325 §4.1', tests: by(UPSTREAM_TLS,
    'RC4, 3DES and export ciphers are not even built in', 'key exchanges and ciphers that are none any more') },
  { id: 'T14', requirement: 'Revoked certificates are refused (stapled OCSP, CRL file)', source: 'RFC 5280 §6.3; RFC 6066 §8; badssl.com revoked', tests: by(REFUSALS,
    'a certificate that a list revokes, or of which no valid list tells', 'a certificate whose stapled status is revoked'),
    note: 'without upstream.crl, one that staples nothing passes' },
  { id: 'T15', requirement: 'A client is told of the origin\'s bad certificate, without a way on', source: 'US-CERT TA17-075A; NDSS 2016',
    tests: [...NOT_PROVEN, ...by('proxy/refusal.test.ts', 'an upstream fault is no 403')] },
  { id: 'T15.1', requirement: 'The protocol versions of both legs are logged', source: 'de Carné de Carnavalet & Mannan, NDSS 2016',
    tests: by(LEGS, 'an event tells what was spoken with the client, and with the origin', 'versions are counted once a connection') },
  { id: 'T16', requirement: 'No environment variable switches verification off', source: 'Node.js, NODE_TLS_REJECT_UNAUTHORIZED',
    tests: [...by(RUNTIME, 'the runtime is refused where it could not keep a promise',
      'as a program, it refuses an unsafe environment before anything else'), ...NOT_PROVEN.slice(0, 1)] },
  { id: 'T17', requirement: 'Connections to origins are never shared between clients', source: 'mockttp, upstream-connection-isolation',
    tests: [...by(UPSTREAM, 'connections are reused over the tunnels of one client and never for another'),
      ...by('security/pooled-origins.test.ts', 'an origin that answers otherwise than it should', 'an origin that authenticates the connection',
        'upstream.share all: what came unasked and is not read yet answers nobody',
        'the relay, upstream.share all: what came unasked and is not read yet answers nobody',
        'two users one after the other on one client connection: each has a connection to the origin of his own'),
      ...by('security/pooled-cuts.test.ts', 'an answer that its client did not wait for', 'a body that its client did not finish', 'an answer before the body was read'),
      ...by('proxy/pool-key.test.ts', 'where everybody shares, only calls that each bring a token do', 'no name makes the key of something else')] },
  { id: 'T18', requirement: 'Sessions with origins are resumed for the same client, by the same trust, and for minutes', source: 'RFC 8446 §2.2, §C.4; Sy et al., ACSAC 2018',
    tests: by('security/origin-resumption.test.ts', 'a client resumes with the origin that it was at, and no other client, host or port does',
      'TLS 1.3: no ticket is shown twice', 'of an origin that is not believed nothing is kept',
      'a session lasts a quarter of an hour from when the origin was believed, however often it was resumed, and no longer than its certificate',
      'a ticket that comes of resuming is as old as what it came of', 'a reload drops all sessions: an origin that is believed no more is refused') },
]

const CERTIFICATE_REQUIREMENTS: readonly Requirement[] = [
  { id: 'C1', requirement: 'Each installation has an authority of its own', source: 'goproxy, key.pem (counter-example)',
    tests: by(AUTHORITY, 'two installations have different names, keys and serials') },
  { id: 'C1.1', requirement: 'A start refuses an authority whose key is known', source: 'goproxy, key.pem (counter-example)', tests: by('certs/known-keys.test.ts',
    'a key that is published makes no authority, and nothing is written', 'nor does one that it is imported with, or was issued by'),
    note: 'of ten programs and standards; goproxy\'s is not among them' },
  { id: 'C2', requirement: 'Key 0600, folder 0700; others\' access is refused', source: 'mitmproxy, umask_secret', tests: by(AUTHORITY,
    'a new authority is a constrained P-256 CA, and its files are private', 'a key open to group or others is refused, with the command that closes it',
    'a directory that others can write to is refused') },
  { id: 'C2.1', requirement: 'Key encrypted under a passphrase, where one is configured', source: 'NIST SP 800-57 §6.2.2.3', tests: by('certs/encrypt.test.ts',
    'with a passphrase no private key is ever stored in the clear, by a renewal or an import either',
    'a key in the clear is refused where a passphrase is configured, until it is encrypted') },
  { id: 'C3', requirement: 'CA: pathlen 0, signs certificates only, constrained to the inspected names', source: 'RFC 5280 §4.2.1; Chrome 112',
    tests: [...by(AUTHORITY, 'a new authority is a constrained P-256 CA, and its files are private'),
      ...by(CONSTRAINT, 'what a stolen CA key could sign is refused by openssl and by Node')] },
  { id: 'C4', requirement: 'Leaf: SAN, serverAuth, 45 days, within the CA\'s time', source: 'Apple 103769; CA/B SC-081v3',
    tests: by(LEAF, 'a leaf is what browsers ask for', 'a leaf stays within the time of the authority') },
  { id: 'C5', requirement: 'P-256 or RSA from 2048, SHA-256, no common name', source: 'Apple 103769', tests: [
    ...by(LEAF, 'a leaf is what browsers ask for'), ...by(AUTHORITY, 'weak and unreadable keys are refused, and no error shows the key')] },
  { id: 'C6', requirement: 'Serials: random, positive, at most 20 octets, unique', source: 'RFC 5280 §4.1.2.2; CA/B BR §7.1',
    tests: by(LEAF, 'serials are positive, of 128 random bits, and never the same') },
  { id: 'C7', requirement: 'Only canonical names of inspected hosts get a leaf', source: 'Squid, mimicked subjects (counter-example)', tests: [
    ...by(LEAF, 'no leaf for what is not a host name, or lies outside the constraint'), ...by(CONTEXTS, 'what may not be signed is rejected and not kept'),
    ...by('certs/names.test.ts', 'a leaf is made for canonical host names only')] },
  { id: 'C8', requirement: 'Leaf cache: bounded, one signature for many, renewed in time', source: 'Martian, mitm.go', tests: by(CONTEXTS,
    'a host is signed for once, however many ask at once', 'the number of leaves is bounded, and the least recently used goes',
    'a leaf is made anew before it expires') },
  { id: 'C9', requirement: 'Leaf key is not the CA\'s, and of one process only', source: 'mitmproxy, public_key (counter-example)',
    tests: by(CONTEXTS, 'one leaf key for all hosts of a process, another for the next process') },
  { id: 'C10', requirement: 'Origins cannot use what the own authority signed', source: 'de Carné de Carnavalet & Mannan, NDSS 2016',
    tests: by(UPSTREAM_TLS, 'what the own authority has signed is not believed of an origin') },
  { id: 'C11', requirement: 'Towards clients: TLS 1.2 on, ephemeral keys and AEAD only', source: 'RFC 9325; Durumeric et al., NDSS 2017',
    tests: by(CONTEXTS, 'old protocols and ciphers are refused') },
  { id: 'C12', requirement: 'Sessions of clients are resumed under their own name alone, for hours at most', source: 'RFC 8446 §4.6.1; RFC 5077 §5.5; Sy et al., ACSAC 2018',
    tests: by('security/resumption.test.ts', 'a client resumes in its next tunnel to the same name, and not to another',
      'not after the keys have changed, nor after the authority has, but at whoever shares them') },
]

const FRAMING_REQUIREMENTS: readonly Requirement[] = [
  { id: 'H1', requirement: 'Lengths and codings that two readers read differently: 400', source: 'RFC 9112 §6; mitmproxy, validate.py', tests: [...by(FRAMING,
    'Content-Length and Transfer-Encoding', 'Transfer-Encoding and Content-Length', 'two lengths that agree', 'two lengths that differ', 'a list of lengths',
    'a signed length', 'a negative length', 'a coding that is unknown', 'a coding after chunked', 'chunked twice', 'chunked with a vertical tab'), ...by(HEAD,
    'what two readers could understand differently is refused')] },
  { id: 'H2', requirement: 'Odd chunks: 400, and nothing completes at the origin', source: 'RFC 9112 §7.1', tests: by(FRAMING,
    'a chunk size in hexadecimal notation', 'a chunk size too large', 'a chunk size that ends in a bare line feed',
    'a chunk extension with a bare line feed', 'a chunk that breaks after a good one never completes at the origin') },
  { id: 'H2.1', requirement: 'Trailers carry nothing that is judged in the head', source: 'RFC 9110 §6.5.1', tests: by(FRAMING,
    'a length in the trailers', 'trailers cannot carry what was judged in the head') },
  { id: 'H3', requirement: 'Odd lines and names: 400', source: 'RFC 9112 §2.2, §5', tests: by(FRAMING, 'a folded line', 'bare line feeds', 'a bare carriage return',
    'a length behind a space', 'a space in a name', 'a line that is folded first', 'a NUL', 'HTTP/1.2', 'the preface of HTTP/2', 'a method in lower case') },
  { id: 'H4', requirement: 'No insecure parser', source: 'Node.js, --insecure-http-parser', tests: by(RUNTIME,
    'the runtime is refused where it could not keep a promise') },
  { id: 'H5', requirement: 'No header field is dropped unseen: all, or 431', source: 'CVE-2026-58044', tests: [
    ...by(FRAMING, '201 fields', '2,000 fields', '200 fields pass, none of them lost'), ...by(HEAD, 'too many fields are refused, none is dropped'),
    ...by('e2e/http2.test.ts', 'a flood of header fields costs the stream, not the proxy')], note: 'the cap is 200' },
  { id: 'H5.1', requirement: 'Heads are bounded in bytes, those of clients (431) and of origins (502)', source: 'CWE-400', tests: [
    ...by(FRAMING, 'a field of 100 KB'), ...by('security/faults/origin.test.ts', 'no answer, over HTTP/1')] },
  { id: 'H6', requirement: 'Two Host fields, or none: 400', source: 'RFC 9112 §3.2', tests: by(IDENTITY, 'Host must name the host of the tunnel') },
  { id: 'H7', requirement: 'A target that differs from Host, or has user info: 400', source: 'RFC 9112 §3.2.2; Squid, host_verify_strict', tests: [
    ...by(IDENTITY, 'Host must name the host of the tunnel'), ...by(HEAD, 'what two readers could understand differently is refused')] },
  { id: 'H8', requirement: 'HTTP/1.0 with a transfer coding: 400', source: 'RFC 9112 §6.1', tests: by(FRAMING, 'chunked in HTTP/1.0') },
  { id: 'H9', requirement: 'CONNECT without a port, or with another Host: 400', source: 'RFC 9110 §9.3.6', tests: by(TUNNEL,
    'CONNECT without a port, or to a port that is none of the web, is refused') },
  { id: 'H9.1', requirement: 'CONNECT with a length or coding: 400', source: 'RFC 9110 §9.3.6', tests: by(LIMITS, 'CONNECT with a body is refused, with the length of none it is not') },
  { id: 'H10', requirement: 'Expect: 100-continue is answered after the decision', source: 'RFC 9110 §10.1.1', tests: [
    ...by('e2e/curl.test.ts', 'who asks before it sends is answered before it sends'), ...by(FRAMING, 'an unknown expectation')] },
  { id: 'H11', requirement: 'Upgrades to h2c do not pass', source: 'RFC 9113 §3.1', tests: by(FORWARD, 'what belongs to one hop does not pass, nor what Connection names'),
    note: 'the wish is ignored as RFC 9110 §7.8 allows, not refused' },
  { id: 'H12', requirement: 'WebSockets are decided before the upgrade, and metered', source: 'RFC 6455', tests: by('e2e/websocket.test.ts',
    'a block comes before the upgrade, in the form of the provider', 'what is sent through it is an upload above 16 KiB, and is cut'),
    note: 'small messages pass where the policy allows the host' },
  { id: 'H13', requirement: 'Of pipelined requests each is decided', source: 'RFC 9112 §9.3.2', tests: [
    ...by(FRAMING, 'what follows a body is a request of its own, and is decided as one'),
    ...by('security/crash.test.ts', 'an upgrade pipelined behind a request that has no answer yet'),
    ...by('e2e/pipelined.test.ts', 'what comes behind a request that waits is held back, beyond a bound')] },
  { id: 'H13.1', requirement: 'Requests of one connection are bounded in number', source: 'Envoy, edge practices', tests: by(LIMITS_TIME,
    'a connection carries so many requests: HTTP/1.1', 'a connection carries so many requests: HTTP/2'), note: '10,000 by default' },
  { id: 'H14', requirement: 'The body of a GET counts as an upload', source: 'RFC 9110 §9.3.1', tests: [
    ...by(HIDDEN, 'a GET with a large body, and a body under a coding'), ...by(EVASIONS, 'an upload in other words is one to a foreign account still')] },
  { id: 'H15', requirement: '__proto__ is a header name as any other', source: 'CVE-2026-21710', tests: by(HEAD, 'header names that look like prototypes are only names') },
  { id: 'H16', requirement: 'Long uploads are not cut, stalled ones are', source: 'Node.js, requestTimeout', tests: [
    ...by('e2e/stall.test.ts', 'a client that owes its body has two minutes'), ...by(LIMITS_TIME, 'a body that stops is given up, and so is an answer')] },
  { id: 'H17', requirement: 'Answers that two readers read differently, or without their end: 502, or broken off', source: 'RFC 9112 §6.3; CVE-2022-31081', tests: [
    ...by('security/crash.test.ts', 'answers that break the rules of HTTP become a 502 or pass, over HTTP/1.1 and HTTP/2'),
    ...by('security/faults/origin.test.ts', 'an answer without its end, over HTTP/1'),
    ...by('proxy/relay/answer-head.test.ts', 'what two readers could take differently is none')] },
  { id: 'H18', requirement: 'A request that may have been carried out is not sent again', source: 'RFC 9110 §9.2.2', tests: by('security/repeats.test.ts',
    'what may have been carried out is not sent again') },
]

const PATH_REQUIREMENTS: readonly Requirement[] = [
  { id: 'S1.1', requirement: 'CONNECT, SNI and Host name one host', source: 'Smokescreen, ACL bypass via Host header; gh-aw-firewall#8878', tests: [
    ...by(IDENTITY, 'CONNECT to one catalogue host with the SNI of another serves neither', 'domain fronting, both ways round'),
    ...by(HANDSHAKE, 'CONNECT for one name and SNI for another is refused, also where neither is in the catalogue')] },
  { id: 'S1.5', requirement: 'A name on the storage hosts\' servers hides no upload', source: 'Fifield et al., PETS 2015 (domain fronting)', tests: by('security/fronting.test.ts',
    'forged Host and :authority store nothing, over HTTP/1.1 and HTTP/2', 'without the check, the file is stored',
    'intercept.front splice: it passes unread and is counted as a tunnel, unless a rule ends it',
    'intercept.front block: names at the address of a storage host are refused',
    'intercept.front intercept: they are opened, and held to their own name'), note: 'intercept.front splice, the default, passes and counts it' },
  { id: 'S1.2', requirement: 'A catalogue host without SNI is refused', source: 'RFC 6066 §3', tests: by(TUNNEL,
    'without a server name, a catalogue host is refused with an alert, a metric and an event') },
  { id: 'S1.3', requirement: 'A stream for a host that the certificate is not for: 421', source: 'RFC 9113 §9.1.2', tests: by(IDENTITY,
    'HTTP/2: another :authority is misdirected, and the connection goes on serving its own host') },
  { id: 'S1.4', requirement: 'Each request of a connection is decided anew', source: 'Smokescreen, smokescreen_test.go', tests: by(IDENTITY,
    'every request of a connection is decided anew, by the policy of that moment', 'a later request on the same connection is held to the same host') },
  { id: 'S2.1', requirement: 'What is no TLS, or cannot be told, is closed', source: 'Squid, ssl_bump', tests: by(TUNNEL,
    'what cannot be told elsewhere follows intercept.opaque', 'plain HTTP, SSH and garbage to a catalogue host') },
  { id: 'S2.2', requirement: 'A ClientHello in pieces is read whole', source: 'RFC 8446 §5.1', tests: by(TUNNEL,
    'a ClientHello in many packets is read whole', 'a ClientHello in many TLS records is read whole') },
  { id: 'S2.3', requirement: 'ECH: the outer name counts, another is refused', source: 'RFC 9849', tests: by(HANDSHAKE,
    'an encrypted ClientHello is judged by its outer name, and refused where that is not the name of the tunnel') },
  { id: 'S2.6', requirement: 'No request is taken in early data', source: 'RFC 8470; RFC 8446 §8', tests: by('security/evasions-http2.test.ts',
    'no request is taken before the handshake has ended (0-RTT)') },
  { id: 'S2.4', requirement: 'Answers tell no way around (Alt-Svc, QUIC)', source: 'RFC 7838; mitmproxy, update_alt_svc', tests: [
    ...by(FORWARD, 'responses'), ...by('e2e/curl.test.ts', 'plain HTTP, and the header fields of answers')] },
  { id: 'S2.5', requirement: 'Pinned hosts: refused, or passed when that is said', source: 'Zscaler, certificate pinning', tests: by(TUNNEL,
    'hosts of programs that accept no other authority follow intercept.pinned') },
  { id: 'S3.1', requirement: 'Addresses inside are refused, in any notation', source: 'RFC 6890; Smokescreen, TestClassifyAddr', tests: [
    ...by(DESTINATION, 'addresses that are not the public internet are refused'), ...by(TUNNEL, 'no way in to the addresses inside, in any notation'),
    ...by(DESTINATIONS, 'names of the machine itself and of metadata services are not asked of a parent, which would resolve them at its place')] },
  { id: 'S3.2', requirement: 'Resolved once; what was checked is dialled', source: 'Smokescreen (DNS rebinding)', tests: by(DESTINATION,
    'a name is resolved once, and the checked addresses are those to dial') },
  { id: 'S3.3', requirement: 'Own listeners, the admin API too, are not reached', source: 'Smokescreen, TestInitializeSelfConnectionDetection', tests: [
    ...by(TUNNEL, 'CONNECT without a port, or to a port that is none of the web, is refused', 'no way in to the addresses inside, in any notation'),
    ...by(DESTINATIONS, 'nobody is led to where this process listens, whatever is allowed')] },
  { id: 'S4', requirement: 'Only the ports of the web', source: 'Squid, SSL_ports', tests: by(DESTINATIONS, 'only the ports of the web'), note: 'CONNECT to 80 is allowed as well as 443' },
  { id: 'S5', requirement: 'A request that comes round again is refused', source: 'RFC 9110 §7.6.3; Martian, via_modifier.go', tests: by(DESTINATIONS,
    'what comes back is refused: plain, upgrade, CONNECT, inside a tunnel', 'a parent that leads back here is refused at the second pass',
    'what is forwarded out of an opened tunnel says so too, over HTTP/1.1 and HTTP/2') },
  { id: 'S6', requirement: 'Fields of one hop end here; Connection strips nothing decided by', source: 'RFC 9110 §7.6.1', tests: [
    ...by(FORWARD, 'what belongs to one hop does not pass, nor what Connection names', 'Connection cannot strip what is decided by'),
    ...by(HIDDEN, 'a Connection field strips nothing that policy decides by')] },
  { id: 'S7.1', requirement: 'Fields that are decided by come once', source: 'Envoy, headers_with_underscores', tests: by(HANDSHAKE, 'a field that requests are read by may not come twice') },
  { id: 'S7.2', requirement: 'A client\'s tenant restrictions are dropped, in any spelling', source: 'RFC 3875 §4.1.18', tests: [
    ...by(FORWARD, 'tenant restrictions of a client do not pass, however they are spelt; own ones do, whatever Connection names'),
    ...by('proxy/restrict-headers.test.ts', 'names that could be read as restrictions'),
    ...by('e2e/restrictions.test.ts', 'HTTP/1.1: own fields on exactly the listed hosts, and none of the client\'s anywhere')] },
  { id: 'S8.1', requirement: 'Paths are judged as an origin reads them', source: 'RFC 3986 §6.2.2; Envoy, normalize_path', tests: [
    ...by(HIDDEN, 'the path in every spelling'), ...by('proxy/host-port.test.ts', 'paths are judged as an origin reads them'),
    ...by(PROPERTIES, 'spellings that an origin reads alike keep activity, step and file name')] },
  { id: 'S8.2', requirement: 'Paths that decode further hide no upload', source: 'Envoy, escaped-slash', tests: [
    ...by(EVASIONS, 'an upload in other words is one to a foreign account still'),
    ...by(HIDDEN, 'a path that some origin might decode further is an upload above 16 KiB')] },
  { id: 'S8.4', requirement: 'Frames that no library sends hide no upload', source: 'RFC 9113 §8.1.1; HTTP/2: The Sequel is Always Worse (2021)', tests: by('security/evasions-http2.test.ts',
    'an upload in other frames is one to a foreign account still') },
  { id: 'S8.3', requirement: 'No field names another host or path to servers behind the front', source: 'Symfony CVE-2018-14773; RFC 3875 §4.1.18', tests: [
    ...by(FORWARD, 'what names another host, path or method to servers behind the front does not pass, underscores or not'),
    ...by(EVASIONS, 'an upload in other words is one to a foreign account still')] },
  { id: 'S9', requirement: 'Hosts in one form, matched at label boundaries', source: 'RFC 5891; WHATWG URL', tests: [
    ...by('security/evasions-plain.test.ts', 'an upload in plain HTTP, in other names for its host', 'plain HTTP in a tunnel to a storage host'),
    ...by('proxy/host-port.test.ts', 'hosts are folded to one form', 'what is no host is refused'),
    ...by('policy/providers/index.test.ts', 'hosts are found at label boundaries only'), ...by(IDENTITY, 'spellings of one host are that host')] },
  { id: 'S10.1', requirement: 'Of overridden methods the stricter counts', source: 'OData 4.01; X-HTTP-Method-Override', tests: [
    ...by(HIDDEN, 'another method than the one that counts'), ...by(PROPERTIES, 'no number of overrides hides the one that counts')] },
  { id: 'S10.3', requirement: 'A name that two readers read differently is none', source: 'RFC 8259 §4; RFC 7578 §4.2', tests: by(EVASIONS,
    'a name in other words is held to the rule') },
  { id: 'S10.2', requirement: 'Batches are what they hold, or the strictest', source: 'Microsoft Graph, JSON batching', tests: [
    ...by('policy/providers/azure-blob.test.ts', 'a batch is read by what it holds'), ...by('e2e/several-names.test.ts', 'a batch of Graph')] },
  { id: 'S11.1', requirement: 'Unknown length: counted, and cut at the limit', source: 'RFC 9112 §7.1', tests: [...by(METER,
    'a body of unknown length is cut before it passes the limit', 'a body that nothing explains becomes an upload at the bound'),
    ...by('e2e/curl.test.ts', '--http1.1: an upload of unknown length is cut at the limit and never stored')] },
  { id: 'S11.2', requirement: 'A size that is not true does not help', source: 'RFC 9110 §8.6', tests: [
    ...by('e2e/http2.test.ts', 'a body that is not as long as it says'), ...by(METER, 'a declared size holds a body of untold length to it')] },
  { id: 'S11.3', requirement: 'A compressed body is an upload too', source: 'RFC 9110 §8.4', tests: [
    ...by(EVASIONS, 'a size in other words is held to the rule'),
    ...by(HIDDEN, 'a GET with a large body, and a body under a coding'), ...by(PROPERTIES, 'under a content coding, it is still an upload')] },
  { id: 'S11.4', requirement: 'Parts of one upload add up, over nodes too', source: 'rclone, backend/{drive,onedrive,dropbox}', tests: [
    ...by(METER, 'the parts of a session add up, whatever the request says of itself'), ...by('e2e/sessions.test.ts', 'small chunks of a large upload: the first is refused'),
    ...by('e2e/session-repeats.test.ts', 'the same bytes again and again, each time below the limit, are cut at the limit and 1 MiB')] },
  { id: 'S11.5', requirement: 'Many small files add up by client and time', source: 'rclone (one file split in many)', tests: [
    ...by(METER, 'many small files add up, to the byte, and across ways of sending'), ...by('e2e/volume.test.ts',
      'one after the other: as many as fit below the limit pass, and then none', 'at the same moment: no more than one after the other'),
    ...by('security/volume-evasions.test.ts', 'bodies without a length that become uploads on their way add up', 'tunnels that are not opened add up, one after the other and at the same moment')] },
  { id: 'S12', requirement: 'A user agent alone allows nothing', source: 'mitmproxy#4575', tests: [
    ...by('security/spoofed-agents.test.ts', 'no User-Agent changes what the built-in policies decide', 'the body of an upload is held whoever claims to send it'),
    ...by('policy/analyse.test.ts', 'rules that let uploads pass by what the client says of itself')],
    note: 'a rule that does is warned of, and no fingerprint is compared' },
]

const SERVICE_REQUIREMENTS: readonly Requirement[] = [
  { id: 'S13.1', requirement: 'Heads and handshakes that never end are given up', source: 'Slowloris; CWE-400', tests: [
    ...by(STALLED, 'a head that is never finished is given up, before the proxy and within a tunnel', 'a TLS handshake that stops after its first message is given up'),
    ...by(TUNNEL, 'tunnels in which nothing or too little is said end'),
    ...by(LIMITS_TIME, 'a head, a handshake and a tunnel that do not go on are given up')], note: 'a head within 15 s, a handshake within 10 s' },
  { id: 'S13.2', requirement: 'Idle tunnels end', source: 'Squid, read_timeout', tests: by(LIMITS_TIME,
    'a tunnel in which nothing moves ends, one in which something moves does not'), note: 'after 30 min by default: push channels beat as seldom' },
  { id: 'S13.3', requirement: 'Tunnels end at some age', source: 'Envoy, max_connection_duration; Squid, client_lifetime', tests: by(LIMITS_TIME,
    'at its age a tunnel ends: spliced, upgraded, or with nothing under way', 'at its age a connection finishes the request that is under way: HTTP/1.1',
    'at its age a connection finishes the requests that are under way: HTTP/2', 'at its age a connection ends, whether its client listens or not',
    'a tunnel on a connection that carried requests before has its own age'), note: 'after 24 h by default' },
  { id: 'S13.4', requirement: 'Tunnels per client and in all are bounded', source: 'Smokescreen (429); Squid, client_ip_max_connections', tests: by(LIMITS,
    'a client has so many tunnels, and the others theirs', 'there are so many tunnels in all', 'users are counted by name, wherever they come from',
    'a client has so many connections, and the others theirs', 'who opens many more connections than he may is hung up on at once',
    'a client has so many requests under way, however few connections bring them',
    'there are so many connections in all', 'an IPv6 network of 64 bits is one client, and no name is an address') },
  { id: 'S13.5', requirement: 'Memory stays flat while one side waits', source: 'Envoy, edge practices', tests: by('e2e/backpressure.test.ts',
    'HTTP/1.1: an upload waits for an origin that does not read', 'HTTP/2: an upload waits for an origin that does not read, and other streams go on',
    'HTTP/1.1: a download waits for a client that does not read', 'HTTP/2: a download waits for a client that does not read', 'a blind tunnel holds no more either') },
  { id: 'S13.8', requirement: 'Short of memory, what is new is refused and the rest goes on', source: 'Envoy, overload manager', tests: by(LIMITS_PROCESS,
    'above its bound of memory what is new is refused and what is under way goes on, until there is enough again',
    'refusing for want of memory begins above the bound, and ends well below it or when half of the load is gone') },
  { id: 'S13.6', requirement: 'Too few file descriptors are told at the start', source: 'Squid, max_filedescriptors', tests: by(LIMITS_PROCESS,
    'too few file descriptors are told with how many there should be', 'a start and a check under a low limit say so') },
  { id: 'S13.7', requirement: 'HTTP/2 resets and floods stop nobody else', source: 'CVE-2023-44487; RFC 9113 §10.5', tests: [
    ...by('e2e/http2.test.ts', 'rapid resets, pings and settings do not stop the others'),
    ...by('security/http2-floods.test.ts', 'a head that goes on and on in continuations', 'empty continuations', 'a head that is small on the wire and large in memory',
      'frames that ask for work and carry nothing', 'requests whose faults make the proxy reset them', 'a hundred answers that are not taken',
      'a hundred uploads that the origin does not take')] },
  { id: 'S13.9', requirement: 'What one HTTP/2 connection has held is bounded, however far its windows have grown', source: 'RFC 9113 §5.2, §10.5; CVE-2019-9511',
    tests: by('security/upload-windows.test.ts', 'a window grows with the distance, within bounds', 'who sends many bodies at once gets small windows again, and goes on',
      'who goes on by windows that were taken back is cut off') },
  { id: 'S13.10', requirement: 'Who leaves frees both ends', source: 'CWE-404', tests: [
    ...by('security/crash.test.ts', 'clients that leave at every step'), ...by('e2e/stall.test.ts', 'a client that leaves while the origin stalls frees both ends')] },
  { id: 'S14.1', requirement: 'Without the store, the last good policy goes on', source: 'Squid ICAP, bypass; Envoy, failure_mode_allow', tests: [
    ...by(SNAPSHOT, 'the store goes down: decisions go on, and it is read again when it returns without a word'),
    ...by('security/faults/redis.slow.test.ts', 'killed, and back with what it held', 'paused, and awake again', 'full, and with room again')] },
  { id: 'S14.2', requirement: 'Without any policy: closed, or as configured', source: 'Envoy, failure_mode_allow', tests: by(SNAPSHOT,
    'without store and saved state it does not start, unless that is not required') },
  { id: 'S14.3', requirement: 'How old the policy is can be seen', source: 'Envoy, ext_authz metrics', tests: [
    ...by('dashboards/metrics.test.ts', 'gauges are read when scraped'), ...by(SNAPSHOT, 'a state that the store does not confirm grows old, from when it was saved')],
    note: 'events say snapshot-stale; no counter of its own' },
  { id: 'S14.4', requirement: 'A corrupt policy is refused, the old one stays', source: 'CWE-20', tests: by(SNAPSHOT,
    'a stored policy that does not validate: the last good one stays, tenants are followed, the fault is told once', 'a saved state that is damaged is told and not used') },
  { id: 'S14.5', requirement: 'A silent store holds nobody up', source: 'Envoy, edge practices', tests: by('policy/tenant/bindings.test.ts',
    'a store that is silent holds nobody up, and is asked once for each') },
  { id: 'S14.6', requirement: 'A recogniser that fails closes the way', source: 'Envoy, failure_mode_allow', tests: [
    ...by('proxy/stages/judge.test.ts', 'a recogniser that fails closes the way, and is reported'),
    ...by('security/faults/recogniser.test.ts', 'a recogniser that throws while Redis is gone')] },
  { id: 'S14.7', requirement: 'A defect ends the request that meets it, no other', source: 'CWE-248', tests: by('security/faults/throws.test.ts',
    'taking an origin\'s connection, over HTTP/1', 'holding what came early, over HTTP/1', 'who waits for an exchange to be over, over HTTP/1',
    'keeping an origin\'s connection, over HTTP/1', 'taking an origin\'s connection, over HTTP/2') },
  { id: 'S15.1', requirement: 'Admin API: a listener of its own, loopback first', source: 'OWASP API8', tests: [
    ...by(CONFIG, 'nothing opens to the network by accident'), ...by('e2e/curl.test.ts', 'the proxy port gives out the PAC file and the CA certificate, nothing else')] },
  { id: 'S15.2', requirement: 'Tokens: 256 random bits, kept as hashes', source: 'OWASP Session Management', tests: by(AUTH,
    'a minted token is 256 random bits, and only its hash is kept', 'a token is found by its hash, also beside a damaged one') },
  { id: 'S15.3', requirement: 'Roles: each may what it must', source: 'OWASP API5', tests: by(AUTH, 'roles: a viewer reads, an editor changes, telemetry does neither') },
  { id: 'S15.4', requirement: 'Changes need the revision that was seen', source: 'RFC 9110 §13.1.1; RFC 6585 §3', tests: by('policy/admin/policy-routes.test.ts',
    'without If-Match 428, stale 412, otherwise formed 400; nothing is stored') },
  { id: 'S15.5', requirement: 'Changes are told in an audit log that shows edits', source: 'NIST SP 800-53 AU-9', tests: [
    ...by('policy/admin/audit-routes.test.ts', 'changes are told newest first, with seq and hash, and nothing changes them'),
    ...by('proxy/cli/audit.test.ts', 'a changed entry is named, and a log that was cut is seen by a head that was kept')] },
  { id: 'S15.6', requirement: 'Guesses are slowed down and locked out', source: 'NIST SP 800-63B §5.2.2', tests: [
    ...by(LOCK_OUT, 'an address that fails again and again is locked out, good tokens of it included', 'guesses at the same moment do not get past the lock'),
    ...by('policy/admin/limits.test.ts', 'an address may call so often, before its token is looked up')] },
  { id: 'S15.7', requirement: 'No browser acts for its user: bearer tokens only', source: 'OWASP CSRF', tests: by(AUTH,
    'without a good token nothing is answered, and nothing of the body is read') },
  { id: 'S15.8', requirement: 'Bodies are bounded', source: 'OWASP API4', tests: by('policy/admin/contract.test.ts',
    'what every route may answer: a body that is too large, and one of another media type') },
  { id: 'S16.1', requirement: 'Secrets by file or variable, masked when shown', source: 'OWASP Secrets Management', tests: [
    ...by(CONFIG, 'a secret can come from a file', 'the description is a configuration again, without its secrets', 'no error repeats a secret'),
    ...by('proxy/log.test.ts', 'lines are JSON where no person looks, and secrets are masked')] },
  { id: 'S16.2', requirement: 'No credential, cookie or query in events', source: 'RFC 6750 §5.3; OWASP Logging', tests: [
    ...by('e2e/restrictions.test.ts', 'of a sign-in nothing but host, path and outcome is kept'),
    ...by(EVENTS, 'a session id, which can be a right to write, is hashed and taken out of the path')] },
  { id: 'S17', requirement: 'Log lines cannot be broken, and are bounded', source: 'CWE-117; mitmproxy, MAX_LOG_STATEMENT_SIZE', tests: [
    ...by(EVENTS, 'no text of a client breaks a line or steers a terminal', 'strings are bounded to 2 KB of UTF-8, at whole characters'),
    ...by('proxy/log.test.ts', 'a person gets short lines that cannot steer the terminal')], note: 'JSON only; no CEF is written' },
  { id: 'S18', requirement: 'Patterns run in linear time, bounded in length and number', source: 'CWE-1333; RE2', tests: [
    ...by('policy/evaluate.test.ts', 'patterns run in linear time against texts that blow up a backtracking engine'),
    ...by('policy/policy.test.ts', 'refused, with the place and what is allowed there'),
    ...by('policy/providers/hostile.test.ts', 'hostile paths, queries and headers are read in linear time')] },
  { id: 'S19', requirement: 'No client can make a metric series', source: 'Prometheus, naming practices', tests: by('dashboards/metrics.test.ts',
    'a hostile client cannot make a series') },
  { id: 'S20.1', requirement: 'Block page: escaped, CSP, no-store, 403', source: 'OWASP XSS Prevention', tests: by('proxy/refusal.test.ts',
    'a person gets a page, in which nothing is markup', 'in XML nothing of the message is markup, and nothing breaks the document') },
  { id: 'S20.2', requirement: 'Browsers show the page, not a broken tunnel', source: 'e2guardian#247, #434', tests: by('e2e/browser.slow.test.ts',
    'a person who opens a blocked page reads why') },
  { id: 'S21.1', requirement: 'A ticket proves one user, once, to this service, while it holds', source: 'RFC 4120 §3.2.3; RFC 4178', tests: by(GSSAPI,
    'a ticket proves its user once, and the proxy to him', 'what is no token, or one that was changed, proves nobody',
    'who offers another mechanism first is not let into a negotiation', 'clocks: a ticket that has ended, and a client whose clock is wrong',
    'tickets of others: another service\'s, another realm\'s, one whose key is gone', 'where used tokens cannot be remembered, none is taken'),
    note: 'other nodes with the same key do not know of a ticket that was used' },
  { id: 'S21.2', requirement: 'Users of other realms are not ours', source: 'RFC 4120 §1.2; RFC 8062 §3', tests: by('policy/people/principal.test.ts',
    'users of home realms are known by their names, others by name and realm', 'what could pass for another, or is nobody, is no user') },
  { id: 'S21.3', requirement: 'What a connection has proven ends with the ticket, and at proxies', source: 'RFC 4559 §6', tests: by('proxy/people/tickets.test.ts',
    'a connection is its user\'s until the ticket ends, another token is shown, or a proxy is between') },
  { id: 'S22', requirement: 'What reads hostile bytes is fuzzed: no crash, hang or growth', source: 'mitmproxy, test_tls_fuzz.py',
    tests: by('fuzz/seeds.test.ts', 'every kept seed holds what its target promises') },
  { id: 'S23', requirement: 'What nobody judged during break-glass ends with it', source: 'NIST SP 800-53 AC-2(2)', tests: by('e2e/break-glass.test.ts',
    'an upload that nobody judged does not go on when it ends, nor does a WebSocket') },
]

export const CHECKLIST: readonly Requirement[] = [
  ...UPSTREAM_REQUIREMENTS, ...CERTIFICATE_REQUIREMENTS, ...FRAMING_REQUIREMENTS, ...PATH_REQUIREMENTS, ...SERVICE_REQUIREMENTS,
]
