/** Rows S14 to S16: the store, the admin API, and secrets. */
import type { Mutation } from './mutation.ts'
import { patch } from './mutation.ts'

const SNAPSHOT = 'policy/snapshot.ts'
const SAVED = 'policy/store/snapshot-file.ts'
const RULES = 'proxy/config-rules.ts'
const AUTH = 'policy/admin/auth.ts'
const TOKENS = 'policy/admin/tokens.ts'
const ANSWER = 'policy/admin/policy-answer.ts'
const VERIFY = 'policy/store/audit-verify.ts'
const DESCRIBE = 'proxy/config-describe.ts'
const STAYS = 'the store goes down: decisions go on, and it is read again when it returns without a word'
const GUESSER = 'an address that fails again and again is locked out, good tokens of it included'
const IF_MATCH = 'without If-Match 428, stale 412, otherwise formed 400; nothing is stored'
const CHANGED = 'a changed entry is named, and a log that was cut is seen by a head that was kept'
const MASKED = 'the description is a configuration again, without its secrets'

export const SERVICE_MUTATIONS: readonly Mutation[] = [
  patch('S14.1', SNAPSHOT, '      this.#lastError = message\n      throw error\n',
    '      this.#lastError = message\n      if (this.#current !== undefined) await this.#use({ revision: 0, policy: this.#options.strict, tenants: [], tenantsVersion: 0, controls: NO_CONTROLS })\n      throw error\n', STAYS),
  patch('S14.1', SNAPSHOT, '    else if (this.#lastError !== undefined && performance.now() - this.#triedAt >= RETRY_MS) this.#follow()\n', '', STAYS),
  patch('S14.2', SNAPSHOT, '(this.#good === undefined && required)', 'false', 'without store and saved state it does not start, unless that is not required'),
  patch('S14.3', 'dashboards/metrics.ts', "gauge('sluice_policy_age_seconds', 'Time since the store last confirmed the policy in use.', read, 'max')",
    "gauge('sluice_policy_age_seconds', 'Time since the store last confirmed the policy in use.', () => 0)", 'gauges are read when scraped'),
  patch('S14.3', SNAPSHOT, 'ageSeconds: stale ? Math.max(0, Math.round((performance.now() - this.#confirmedAt) / 1000)) : 0', 'ageSeconds: 0',
    'a state that the store does not confirm grows old, from when it was saved'),
  patch('S14.4', SNAPSHOT, '      policy = parsePolicy(stored.policy)\n', '      policy = stored.policy as Policy\n',
    'a stored policy that does not validate: the last good one stays, tenants are followed, the fault is told once'),
  {
    id: 'S14.4',
    edits: [
      { file: SAVED, find: '  if (!check.Check(value)) throw', replace: '  if (false) throw' },
      { file: SAVED, find: 'policy: parsePolicy(value.policy)', replace: 'policy: value.policy as Policy' },
    ],
    expect: ['a saved state that is damaged is told and not used'],
  },
  patch('S14.5', 'policy/tenant/bindings.ts', '    const lookup = this.#inTime(answer)\n', '    const lookup = answer\n', 'a store that is silent holds nobody up, and is asked once for each'),
  patch('S14.6', 'proxy/stages/judge.ts', '    return failed(view, module, head, client, settings.onError, at)\n', '    return notIntercepted(view, head, client, at)\n',
    'a recogniser that fails closes the way, and is reported', 'a recogniser that throws while Redis is gone'),
  patch('S15.1', RULES, '  if (!isLoopback(config.admin.listen) && config.admin.tls === null && !config.admin.insecure) {', '  if (false) {', 'nothing opens to the network by accident'),
  patch('S15.1', RULES, "  if (open !== undefined && clients.length === 0 && auth === 'none') {", '  if (false) {', 'nothing opens to the network by accident'),
  patch('S15.1', 'proxy/welcome.ts', "      refuse(response, 404, 'There", "      refuse(response, 200, 'There", 'the proxy port gives out the PAC file and the CA certificate, nothing else'),
  patch('S15.2', TOKENS, 'const SECRET_BYTES = 32', 'const SECRET_BYTES = 16', 'a minted token is 256 random bits, and only its hash is kept'),
  patch('S15.2', TOKENS, 'hash: hashToken(secret), role', 'hash: secret, role', 'a minted token is 256 random bits, and only its hash is kept'),
  patch('S15.2', AUTH, "const presented = Buffer.from(hashToken(secret), 'hex')", "const presented = Buffer.from(secret.length === 64 ? secret : hashToken(secret), 'hex')",
    'a token is found by its hash, also beside a damaged one'),
  patch('S15.3', AUTH, '  return RANK[has] >= RANK[needs]\n', '  return true\n', 'roles: a viewer reads, an editor changes, telemetry does neither'),
  patch('S15.3', AUTH, '    if (!mayUse(found.actor.role, needs)) throw', '    if (false) throw', 'roles: a viewer reads, an editor changes, telemetry does neither'),
  patch('S15.4', ANSWER, '  if (ifMatch === undefined) {\n', '  if (ifMatch === undefined) return 1\n  if (false) {\n', IF_MATCH),
  patch('S15.4', 'policy/admin/policy-routes.ts', "const expected = expectedRevision(request.headers['if-match'])", "expectedRevision(request.headers['if-match'])\n    const expected = snapshot.current().revision", IF_MATCH),
  patch('S15.5', VERIFY, '  if (entry.hash !== hashOfEntry(entry)) return', '  if (false) return', CHANGED),
  patch('S15.5', VERIFY, '  if (noted !== undefined && (head?.seq ?? 0) < noted.seq) {', '  if (false) {', CHANGED),
  patch('S15.5', 'policy/store/audit-entry.ts', "prev: head?.hash ?? '' }", "prev: '' }", 'changes are told newest first, with seq and hash, and nothing changes them'),
  patch('S15.6', 'policy/admin/lock-out.ts', '    if (standing.failures < FAILURES_MAX) return 0\n', '    if (standing.failures > 0) return 0\n', GUESSER,
    'guesses at the same moment do not get past the lock'),
  patch('S15.6', AUTH, '    else refuseLocked(address, reply)\n', '', 'guesses at the same moment do not get past the lock'),
  patch('S15.6', AUTH, '    await limits.address(request, reply)\n', '', 'an address may call so often, before its token is looked up'),
  patch('S15.7', AUTH, '    const given = request.headers.authorization\n', "    const given = request.headers.authorization ?? /authorization=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]\n",
    'without a good token nothing is answered, and nothing of the body is read'),
  patch('S15.8', 'policy/admin/admin.ts', 'const BODY_LIMIT = 1024 * 1024', 'const BODY_LIMIT = 1e12', 'what every route may answer: a body that is too large, and one of another media type'),
  patch('S16.1', 'proxy/config-sources.ts', '    found.set(base, readText(text, name))\n', '    found.set(base, text)\n', 'a secret can come from a file'),
  patch('S16.1', DESCRIBE, 'url: maskUrl(config.store.url)', 'url: config.store.url', MASKED),
  patch('S16.1', DESCRIBE, 'maskUrl(config.upstream.parent)', 'config.upstream.parent', MASKED),
  patch('S16.1', DESCRIBE, "['# The first admin token is set, and not shown.\\n']", '[`# The first admin token is set: ${token}\\n`]', MASKED),
  patch('S16.1', 'proxy/config-sources.ts', '(${fault.code})`', '(${fault.message}: ${text})`', 'no error repeats a secret'),
  patch('S16.1', 'proxy/log.ts', "censor: '***' }", 'censor: (value: unknown) => value }', 'lines are JSON where no person looks, and secrets are masked'),
  patch('S16.2', 'proxy/record.ts', "    path: head?.path ?? '',\n", "    path: head?.target.full ?? '',\n", 'of a sign-in nothing but host, path and outcome is kept'),
  patch('S16.2', 'dashboards/ecs.ts', "  return createHash('sha256').update(session).digest('hex').slice(0, 32)", '  return session', 'a session id, which can be a right to write, is hashed and taken out of the path'),
  patch('S16.2', 'dashboards/ecs.ts', "  if (session === undefined || session === '') return path\n", '  if (path !== null) return path\n',
    'a session id, which can be a right to write, is hashed and taken out of the path'),
]
