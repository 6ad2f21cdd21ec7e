/** Rows T: TLS towards origins. */
import { on, patches, within } from './mutation.ts'
import type { Edit, Mutation } from './mutation.ts'

const TLS = 'proxy/origin-tls.ts'
const POOL = 'proxy/pool-key.ts'
const PIPELINE = 'proxy/pipeline.ts'
const RESPOND = 'proxy/respond.ts'
const BROKEN_OFF = '    exchange.upstream?.destroy()\n    this.byRequest.delete('
const PROTOCOL = "minVersion: 'TLSv1.2'"
const SUITES = "'ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2'"

/** Takes what OpenSSL found out of its hands, and lets the faults with these codes and texts pass. */
function believing(faults: RegExp): readonly Edit[] {
  return within(TLS,
    ['rejectUnauthorized: true,', 'rejectUnauthorized: false,'],
    ['  if (staple !== null && saysRevoked', `  const found = secured.ssl.verifyError() ?? checkServerIdentity(host, secured.getPeerCertificate()) ?? null
  if (found !== null && !${String(faults)}.test(found.code + ' ' + found.message)) return new CertificateRefusal(faultOf(found), describe(found), found)
  if (staple !== null && saysRevoked`])
}

const PROVES_NOTHING = 'every chain and handshake that proves nothing'
const NOT_PROVEN = ['an origin that does not prove who it is gets not one byte of a request', PROVES_NOTHING]
const OLD_SUITES = 'key exchanges and ciphers that are none any more'
const RUNTIME = ['the runtime is refused where it could not keep a promise', 'as a program, it refuses an unsafe environment before anything else']
const REUSED = 'connections are reused over the tunnels of one client and never for another'
const SESSIONS = 'proxy/origin-sessions.ts'
const MINUTES = 'a session lasts a quarter of an hour from when the origin was believed, however often it was resumed, and no longer than its certificate'
const NO_YOUNGER = 'a ticket that comes of resuming is as old as what it came of'
const NAMESAKE = 'a namesake of an own root makes no long certificate good'

export const UPSTREAM_MUTATIONS: readonly Mutation[] = [
  patches('T1', believing(/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/), ...NOT_PROVEN, 'a certificate that is not valid yet, or not any more'),
  patches('T2', within(TLS, ['return tls.checkServerIdentity(host, certificate)', 'return undefined']), ...NOT_PROVEN),
  patches('T3', believing(/SELF_SIGNED|UNABLE_TO|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED/), ...NOT_PROVEN),
  patches('T4', within(TLS, [SUITES, SUITES.replace('=2', '=0')]), 'a certificate signed over SHA-1 or MD5'),
  patches('T5', within(TLS, [SUITES, SUITES.replace('=2', '=0')]), 'a key of RSA-1024'),
  patches('T6', within(TLS, [SUITES, "'ECDHE+AESGCM:DHE+AESGCM:@SECLEVEL=0'"]), OLD_SUITES),
  patches('T7', within(TLS, [SUITES, "'ECDHE+AESGCM:RSA+AESGCM:@SECLEVEL=2'"]), OLD_SUITES),
  patches('T7', within(TLS, [SUITES, "'ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=2'"]), OLD_SUITES),
  patches('T8', within(TLS, ["return new CertificateRefusal('no-host', 'no subjectAltName')", 'return undefined']), ...NOT_PROVEN),
  patches('T9', believing(/INVALID_PURPOSE/), 'a certificate for clients only'),
  patches('T9', within(TLS, ['  const pins = trust.pins.get(host)', `  const pins = trust.pins.get(host)
  if (secured.getPeerCertificate().ext_key_usage === undefined) return new CertificateRefusal('usage', 'no extended key usage')`]),
  'a sound origin is accepted, one without an extended key usage too'),
  patches('T9', within('proxy/no-usage.ts', ['told.set(host, true)', '']), 'an origin whose certificate names no use is believed, and told of once'),
  patches('T10', believing(/permitted subtree/), 'a certificate outside the name constraints of its issuer'),
  patches('T11', within(TLS, ['if (livesTooLong(secured, certificate, trust.own))', 'if (false)']),
    'a certificate of a public root that is valid for longer than such may be', NAMESAKE),
  patches('T11', within('proxy/verified-chain.ts', ['below?.verify(issuer.publicKey) === true', 'true']), NAMESAKE),
  // TLS 1.0 has no suites with AEAD, and none at OpenSSL's level 1 or above.
  patches('T12', within(TLS, [PROTOCOL, "minVersion: 'TLSv1'"], [SUITES, "'ALL:@SECLEVEL=0'"]), 'TLS 1.0 and 1.1'),
  patches('T13', within(TLS, [SUITES, "'ALL:COMPLEMENTOFALL:@SECLEVEL=0'"]), OLD_SUITES),
  patches('T14', within(TLS, ['{ crl: crlFiles.flatMap(readLists) }', '(crlFiles.flatMap(readLists), {})']),
    'a certificate that a list revokes, or of which no valid list tells'),
  patches('T14', within(TLS, ['if (staple !== null && saysRevoked', 'if (false && staple !== null && saysRevoked']), 'a certificate whose stapled status is revoked'),
  patches('T15', within('proxy/errors.ts', ["'upstream.certificate': { status: 502", "'upstream.certificate': { status: 403"]), ...NOT_PROVEN, 'an upstream fault is no 403'),
  patches('T15', within('proxy/certificate-fault.ts', ['return `${REFUSALS[this.code].text} ${SENTENCES[this.fault]}`', 'return REFUSALS[this.code].text']), PROVES_NOTHING),
  patches('T15.1', within('proxy/tls-leg.ts', ["VERSIONS[socket.getProtocol() ?? ''] ?? 'other'", "'other' as const"]),
    'an event tells what was spoken with the client, and with the origin', 'versions are counted once a connection'),
  patches('T16', within('proxy/runtime.ts', ["if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0')", 'if (false)']), ...RUNTIME),
  // Without it, Node asks the environment.
  patches('T16', within(TLS, ['rejectUnauthorized: true,', '']), NOT_PROVEN[0] ?? ''),
  patches('T17', within(POOL, ['return user === undefined ? `address ${peer.ip}` : `user ${user}`', "return 'anybody'"]), REUSED),
  patches('T17', within(POOL, ['if (authorization !== undefined && !OF_ONE_REQUEST.test(authorization)) tunnel.pinned = true', '']),
    REUSED, 'an origin that authenticates the connection'),
  patches('T17', within(POOL, ["return `plain ${peer.ip}#${peer.port} ${user ?? ''}`", 'return `plain ${peer.ip}#${peer.port}`']),
    'two users one after the other on one client connection: each has a connection to the origin of his own'),
  patches('T17', within(POOL, ["if (isShared && /^bearer\\s/i.test(authorization ?? '') && headers.get('cookie') === undefined) return", 'if (isShared) return']),
    'where everybody shares, only calls that each bring a token do'),
  patches('T17', within(POOL, ['`address ${peer.ip}` : `user ${user}`', 'peer.ip : user']), 'no name makes the key of something else'),
  on('pipeline', patches('T17', within('proxy/upstream.ts', ['if (options.poolKey === EVERYBODY) setImmediate', 'if (false) setImmediate']),
    'upstream.share all: what came unasked and is not read yet answers nobody')),
  patches('T17', within(PIPELINE, ["return state === 'answering' && answer?.complete === true", 'return false']), 'an origin that answers otherwise than it should'),
  patches('T17', [...within(PIPELINE, [BROKEN_OFF, '    this.byRequest.delete(']), ...within(RESPOND, ['if (!origin.complete) origin.destroy()', ''])],
    'an answer that its client did not wait for'),
  patches('T17', within(PIPELINE, [BROKEN_OFF, '    this.byRequest.delete('], ['if (exchange.request.aborted) return false', '']), 'a body that its client did not finish'),
  patches('T17', [...within(RESPOND, ['      exchange.request.unpipe()\n      exchange.upstream?.destroy()', '']), ...within(PIPELINE, [BROKEN_OFF, '    this.byRequest.delete('])],
    'an answer before the body was read'),
  patches('T18', within(SESSIONS, ['const whom = `${client}|${host}:${port}`', 'const whom = `${host}`']),
    'a client resumes with the origin that it was at, and no other client, host or port does'),
  patches('T18', within(SESSIONS, ['this.#kept.set(whom, sessions.slice(0, -1))', ''], ['if (sessions.length <= 1) this.#kept.delete(whom)', 'if (sessions.length < 1) this.#kept.delete(whom)']),
    'TLS 1.3: no ticket is shown twice'),
  patches('T18', within(TLS, ['let keep = (session: Buffer): void => { early.push(session) }',
    'let keep = (session: Buffer): void => { sessions.keep({ session, provenAt: performance.now(), notAfter: Infinity }) }']), 'of an origin that is not believed nothing is kept'),
  patches('T18', within(SESSIONS, ['this.#clocks.steady() - provenAt < LIFETIME_MS', 'true']), MINUTES, NO_YOUNGER),
  patches('T18', within(SESSIONS, ['this.#clocks.wall() < notAfter', 'true']), MINUTES),
  patches('T18', within(TLS, ['const proven = resumed ?? {', 'const proven = {']), NO_YOUNGER),
  patches('T18', within('proxy/upstream.ts', ['trust = readTrust(options)\n      sessions = new OriginSessions()', 'trust = readTrust(options)']),
    'a reload drops all sessions: an origin that is believed no more is refused'),
]
