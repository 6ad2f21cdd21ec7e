import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SluiceError } from '../../policy/errors.ts'
import { describeConfig, openings } from '../../proxy/config-describe.ts'
import { KEYS } from '../../proxy/config-keys.ts'
import { loadConfig } from '../../proxy/config.ts'

const load = (env: NodeJS.ProcessEnv = {}, flags: Record<string, string> = {}) => loadConfig({ env, flags })
const inFile = (dir: string) => loadConfig({ env: {}, file: join(dir, 'sluice.yaml') })

/** The error that `work` ends with. */
function faultOf(work: () => unknown): SluiceError {
  try {
    work()
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const PIN = 'sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='

t.test('pins are of hosts as they are compared, and are shown as they are written', async t => {
  const config = load({ SLUICE_UPSTREAM_PINS: `{ API.Dropboxapi.com.: ["${PIN}"] }` })
  t.strictSame(config.upstream.pins, { 'api.dropboxapi.com': [PIN] })
  t.match(describeConfig(config), `api.dropboxapi.com:\n      - ${PIN}\n`)
  t.match(openings(config).join('\n'), /upstream\.pins/)
})

t.test('limits are shown as they are written, those that are not given too', async t => {
  const config = load({ SLUICE_PROXY_LIMITS: '{ tunnels: 7, tunnelIdle: 90s, tunnelAge: off, memory: 1GB }' })
  t.match(config.proxy.limits, { connections: 8_000, tunnels: 7, tunnelIdle: 90_000, tunnelAge: null, answerStall: 660_000 })
  t.match(describeConfig(config), /tunnels: 7\n[^]*tunnelIdle: 90s\n    tunnelAge: off\n[^]*answerStall: 11m\n    memory: 1GB\n/)
})

t.test('with nothing given, every key has its default', async t => {
  const config = load()
  t.match(config, {
    proxy: { listen: [{ host: '127.0.0.1', port: 3128 }], clients: [], auth: 'none', engine: 'relay', workers: 1, drain: 30_000 },
    intercept: { mode: 'providers', front: 'splice', opaque: 'block', onError: 'block', unexplainedBody: 16_384 },
    upstream: { hosts: {}, ca: [], parent: null, share: 'client' }, store: { url: 'embedded:./data', required: true },
    policy: { late: 'block' }, admin: {
      listen: { host: '127.0.0.1', port: 3180 }, tls: null, insecure: false, trustedPeers: [], limits: { perToken: 600, perAddress: 1_200 }, token: null,
    },
    certs: { dir: './data/ca', constrain: 'catalogue' }, pac: 'all',
    events: { sinks: [{ type: 'file', path: './data/events.ndjson', rotate: 256_000_000 }], retention: 90 * 86_400_000 },
  })
  t.ok(Object.isFrozen(config.proxy.listen[0]), 'and nobody can change it')
})

t.test('flags win over variables, variables over the file, the file over defaults', async t => {
  const file = join(t.testdir({
    'sluice.yaml': 'proxy: { listen: "127.0.0.1:1", drain: 1s, publicUrl: "http://one.example:1" }\npac: providers\n',
  }), 'sluice.yaml')
  const config = loadConfig({
    file, env: { SLUICE_PROXY_LISTEN: '127.0.0.1:2', SLUICE_PROXY_DRAIN: '2s' }, flags: { 'proxy.listen': '127.0.0.1:3' },
  })
  t.match(config, { proxy: { listen: [{ port: 3 }], drain: 2_000, publicUrl: 'http://one.example:1' }, pac: 'providers' })
})

t.test('every key has a variable, lists are split at commas, maps are YAML', async t => {
  t.ok(KEYS.some(key => key.variable === 'SLUICE_INTERCEPT_UNEXPLAINED_BODY'))
  t.equal(new Set(KEYS.map(key => key.variable)).size, KEYS.length)
  const config = load({
    SLUICE_PROXY_LISTEN: '[::1]:3128, 127.0.0.1:0', SLUICE_INTERCEPT_UNEXPLAINED_BODY: '1MB',
    SLUICE_INTERCEPT_BYPASS: '*.Dropbox.com, drive.google.com', SLUICE_STORE_REQUIRED: 'false', SLUICE_PAC: 'providers',
    SLUICE_UPSTREAM_HOSTS: '{ "Content.dropboxapi.com:443": "127.0.0.1:9443" }', SLUICE_EVENTS_SINKS: '[]',
    SLUICE_PROXY_CLIENTS: '10.0.0.0/8,fd00::/8,192.0.2.1', SLUICE_UPSTREAM_PARENT: '', SLUICE_LOG: 'debug',
  })
  t.match(config, {
    proxy: { listen: [{ host: '::1', port: 3128 }, { host: '127.0.0.1', port: 0 }], clients: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1/32'] },
    intercept: { unexplainedBody: 1_000_000, bypass: ['*.dropbox.com', 'drive.google.com'] }, store: { required: false },
    upstream: { hosts: { 'content.dropboxapi.com:443': '127.0.0.1:9443' }, parent: null }, events: { sinks: [] },
  })
})

t.test('the store has a short form, in the file and as a variable', async t => {
  t.equal(inFile(t.testdir({ 'sluice.yaml': 'store: "redis://cache.example"' })).store.url, 'redis://cache.example')
  t.equal(load({ SLUICE_STORE: 'embedded:/srv/sluice' }).store.url, 'embedded:/srv/sluice')
})

t.test('a secret can come from a file', async t => {
  const dir = t.testdir({ token: 'a-token-of-some-length\n', url: 'redis://:secret@cache.example/1\n' })
  const config = load({ SLUICE_ADMIN_TOKEN_FILE: join(dir, 'token'), SLUICE_STORE_URL_FILE: join(dir, 'url') })
  t.equal(config.admin.token, 'a-token-of-some-length')
  t.equal(config.store.url, 'redis://:secret@cache.example/1')
  t.equal(load({ SLUICE_ADMIN_TOKEN: 'direct' }).admin.token, 'direct')
  t.match(faultOf(() => load({ SLUICE_STORE_URL: 'embedded:x', SLUICE_STORE_URL_FILE: join(dir, 'url') })),
    { code: 'config.invalid', message: 'SLUICE_STORE_URL and SLUICE_STORE_URL_FILE are both set' })
  t.match(faultOf(() => load({ SLUICE_ADMIN_TOKEN_FILE: join(dir, 'none') })), { code: 'config.unreadable', message: /none.*ENOENT/ })
})

t.test('the passphrase of the authority\'s key comes from a variable or a file, is not shown, and is no short one', async t => {
  const dir = t.testdir({ phrase: 'a passphrase of some length\n', short: 'only 15 letters\n', 'sluice.yaml': '' })
  const file = join(dir, 'phrase')
  t.equal(load().certs.passphrase, null)
  t.equal(load({ SLUICE_CERTS_PASSPHRASE: 'a passphrase of some length' }).certs.passphrase, 'a passphrase of some length')
  t.equal(load({ SLUICE_CERTS_PASSPHRASE_FILE: file }).certs.passphrase, 'a passphrase of some length')
  await writeFile(join(dir, 'sluice.yaml'), `certs: { passphraseFile: ${JSON.stringify(file)} }`)
  t.equal(inFile(dir).certs.passphrase, 'a passphrase of some length')
  const shown = describeConfig(inFile(dir))
  t.match(shown, 'passphrase of the authority')
  t.notMatch(shown, 'of some length')
  t.notMatch(openings(inFile(dir)).join('\n'), /passphraseFile/)
  for (const env of [{ SLUICE_CERTS_PASSPHRASE: 'only 15 letters' }, { SLUICE_CERTS_PASSPHRASE_FILE: join(dir, 'short') }]) {
    const error = faultOf(() => load(env))
    t.match(error, { code: 'config.invalid', message: /shorter than 16/, remedy: /openssl rand/ })
    t.notMatch(JSON.stringify(error), 'only 15')
  }
  t.match(faultOf(() => load({ SLUICE_CERTS_PASSPHRASE: 'x', SLUICE_CERTS_PASSPHRASE_FILE: file })), { message: /both set/ })
})

t.test('an admin token that no request could carry is refused, with where it stands', async t => {
  const wrong = ['two words', 'a=b', '=', 'tökén', 'a"b', 'a,b', 'a\nb', 'x'.repeat(513), `${'x'.repeat(512)}=`]
  for (const token of wrong) {
    const dir = t.testdir({ token, 'sluice.yaml': '' })
    const file = join(dir, 'token')
    await writeFile(join(dir, 'sluice.yaml'), `admin: { tokenFile: ${JSON.stringify(file)} }`)
    for (const [place, work] of [
      ['SLUICE_ADMIN_TOKEN', () => load({ SLUICE_ADMIN_TOKEN: token })],
      [`${file} (admin.tokenFile)`, () => load({ SLUICE_ADMIN_TOKEN_FILE: file })],
      [`${file} (admin.tokenFile)`, () => inFile(dir)],
    ] as const) {
      const error = faultOf(work)
      t.match(error, { code: 'config.invalid', remedy: /openssl rand/, faults: [{ path: place, message: /1 to 512/ }] }, token.slice(0, 20))
      t.ok(error.message.startsWith(`The admin token in ${place} must be`), error.message)
    }
  }
  t.match(faultOf(() => load({ SLUICE_ADMIN_TOKEN: 'x', SLUICE_ADMIN_TOKEN_FILE: 'y' })), { message: /both set/ })
  t.match(faultOf(() => load({ SLUICE_ADMIN_TOKEN_FILE: join(t.testdir({ empty: '' }), 'empty') })), { code: 'config.invalid' })
  for (const token of ['x', 'x'.repeat(512), 'AZaz09-._~+/==']) t.equal(load({ SLUICE_ADMIN_TOKEN: token }).admin.token, token)
})

t.test('an unknown key is named, with the nearest valid one', async t => {
  const cases: [string, string, RegExp][] = [
    ['proxy: { lisen: "127.0.0.1:1" }', 'proxy.lisen', /proxy\.listen/],
    ['prxy: {}', 'prxy', /proxy/],
    ['unexplainedBody: 1KB', 'unexplainedBody', /intercept\.unexplainedBody/],
    ['admin: { token: abc }', 'admin.token', /admin\.tokenFile/],
    ['certs: { zzzzzzzzzzzz: 1 }', 'certs.zzzzzzzzzzzz', /certs\.dir, certs\.constrain, certs\.domains/],
    ['"__proto__": { x: 1 }', '__proto__', /Valid are/],
  ]
  for (const [yaml, key, remedy] of cases) {
    const error = faultOf(() => inFile(t.testdir({ 'sluice.yaml': yaml })))
    t.equal(error.code, 'config.unknown-key', yaml)
    t.ok(error.message.startsWith(key), error.message)
    t.match(error.message, 'sluice.yaml')
    t.match(error.remedy, remedy)
  }
  t.match(faultOf(() => load({ SLUICE_PROXY_LISTN: 'x' })), { code: 'config.unknown-key', remedy: 'Did you mean SLUICE_PROXY_LISTEN?' })
  t.match(faultOf(() => load({ SLUICE_PROXY_LISTN_FILE: 'x' })), { code: 'config.unknown-key' })
})

t.test('a wrong value is named with its place and what is allowed', async t => {
  const cases: [NodeJS.ProcessEnv, string, RegExp][] = [
    [{ SLUICE_PROXY_LISTEN: '3128' }, 'proxy.listen', /host:port/],
    [{ SLUICE_PROXY_LISTEN: '127.0.0.1:70000' }, 'proxy.listen', /host:port/],
    [{ SLUICE_PROXY_DRAIN: '30' }, 'proxy.drain', /duration/],
    [{ SLUICE_PROXY_AUTH: 'basc' }, 'proxy.auth', /one of none, basic, negotiate, mtls/],
    [{ SLUICE_PROXY_CLIENTS: '10.0.0.0/8,10.0.0.0/99' }, 'proxy.clients', /entry 2/],
    [{ SLUICE_PROXY_PUBLIC_URL: 'http://u:p@x.example' }, 'proxy.publicUrl', /http:\/\/host:port/],
    [{ SLUICE_INTERCEPT_UNEXPLAINED_BODY: '16 XB' }, 'intercept.unexplainedBody', /size/],
    [{ SLUICE_INTERCEPT_BYPASS: '10.0.0.1' }, 'intercept.bypass', /host name/],
    [{ SLUICE_ADMIN_TLS: '{ cert: a.pem }' }, 'admin.tls', /cert, key/],
    [{ SLUICE_ADMIN_TRUSTED_PEERS: '10.0.0.1/8' }, 'admin.trustedPeers', /entry 1/],
    [{ SLUICE_ADMIN_LIMITS: '{ perTokn: 5 }' }, 'admin.limits', /did you mean perToken\?/],
    [{ SLUICE_ADMIN_LIMITS: '{ perToken: 0 }' }, 'admin.limits', /requests in a minute/],
    [{ SLUICE_PROXY_LIMITS: '{ tunels: 5 }' }, 'proxy.limits', /did you mean tunnels\?/],
    [{ SLUICE_PROXY_LIMITS: '{ tunnels: 0 }' }, 'proxy.limits', /has tunnels, which must be a whole number from 1/],
    [{ SLUICE_PROXY_LIMITS: '{ tunnelIdle: 30 }' }, 'proxy.limits', /has tunnelIdle, which must be a duration/],
    [{ SLUICE_PROXY_LIMITS: '{ tunnelAge: 10ms }' }, 'proxy.limits', /has tunnelAge, which must be at least 1s/],
    [{ SLUICE_PROXY_LIMITS: '{ memory: 10MB }' }, 'proxy.limits', /has memory, which must be at least 256MiB/],
    [{ SLUICE_PROXY_LIMITS: '{ connectionsPerClient: many }' }, 'proxy.limits', /whole number/],
    [{ SLUICE_UPSTREAM_HOSTS: '{ "x.example": "127.0.0.1:1" }' }, 'upstream.hosts', /host:port/],
    [{ SLUICE_UPSTREAM_PARENT: 'https://x.example:1' }, 'upstream.parent', /http:\/\//],
    [{ SLUICE_UPSTREAM_PINS: '{ "a b": [] }' }, 'upstream.pins', /no host such as/],
    [{ SLUICE_UPSTREAM_PINS: '{ x.example: [] }' }, 'upstream.pins', /at least one pin/],
    [{ SLUICE_UPSTREAM_PINS: '{ x.example: [sha256/AAAA] }' }, 'upstream.pins', /44 characters of base64/],
    [{ SLUICE_UPSTREAM_PINS: '{ x.example: [sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=] }' }, 'upstream.pins', /44 characters/],
    [{ SLUICE_UPSTREAM_PINS: `{ x.example: ["${PIN}"], X.EXAMPLE: ["${PIN}"] }` }, 'upstream.pins', /twice/],
    [{ SLUICE_UPSTREAM_PINS: '{ x.example: text }' }, 'upstream.pins', /list of pins/],
    [{ SLUICE_STORE_URL: 'mysql://x' }, 'store.url', /embedded:/],
    [{ SLUICE_STORE_REQUIRED: 'perhaps' }, 'store.required', /true or false/],
    [{ SLUICE_EVENTS_SINKS: '[{ type: fax, path: x }]' }, 'events.sinks', /type: file/],
    [{ SLUICE_EVENTS_SINKS: '[{ type: file, path: x }, { type: file, path: x, rotate: 5KB }]' }, 'events.sinks', /entry 2 .* at least 1MB/],
    [{ SLUICE_EVENTS_RETENTION: '5m' }, 'events.retention', /at least 1h/],
    [{ SLUICE_PAC: 'some' }, 'pac', /all, providers/],
    [{ SLUICE_CERTS_DOMAINS: '*.x.example' }, 'certs.domains', /DNS domain/],
  ]
  for (const [env, path, allowed] of cases) {
    const error = faultOf(() => load(env))
    t.equal(error.code, 'config.invalid')
    t.ok(error.message.startsWith(`${path} (${Object.keys(env)[0]})`), error.message)
    t.match(error.message, allowed)
  }
  const both = faultOf(() => load({ SLUICE_PROXY_DRAIN: '30', SLUICE_PAC: 'some' }))
  t.same(both.faults.map(fault => fault.path), ['proxy.drain', 'pac'], 'all faults at once')
  t.match(faultOf(() => inFile(t.testdir({ 'sluice.yaml': 'proxy: 5' }))).message, /proxy .*must hold the keys listen/)
})

t.test('no error repeats a secret', async t => {
  const secret = 'hunter2'
  const works = [
    () => load({ SLUICE_UPSTREAM_PARENT: `ftp://u:${secret}@x.example` }),
    () => load({ SLUICE_STORE_URL: `mysql://u:${secret}@x.example` }),
    () => load({ SLUICE_ADMIN_TOKEN: `${secret} ${secret}` }),
    () => inFile(t.testdir({ 'sluice.yaml': `upstream:\n  parent: "http://u:${secret}@x\n` })),
    () => inFile(t.testdir({ 'sluice.yaml': `upstream: { parent: [${secret}] }\nstore: ${secret}\n` })),
  ]
  for (const work of works) {
    const { message, remedy, faults } = faultOf(work)
    t.notMatch(JSON.stringify({ message, remedy, faults }), secret)
  }
})

t.test('YAML that cannot be read is told by line', async t => {
  t.match(faultOf(() => inFile(t.testdir({ 'sluice.yaml': 'pac: all\npac: all\n' }))), { code: 'config.unreadable', message: /line 2/ })
  t.match(faultOf(() => inFile(t.testdir({ 'sluice.yaml': '- a\n' }))), { code: 'config.unreadable' })
  t.match(faultOf(() => loadConfig({ env: {}, file: join(t.testdir(), 'none.yaml') })), { code: 'config.unreadable', message: /none\.yaml/ })
  t.equal(inFile(t.testdir({ 'sluice.yaml': '# nothing\n' })).pac, 'all')
})

t.test('what is not built is refused, not ignored', async t => {
  const cases: NodeJS.ProcessEnv[] = [
    { SLUICE_PROXY_TRUSTED_PEERS: '10.0.0.1' }, { SLUICE_INTERCEPT_MODE: 'all' },
    { SLUICE_STORE: 'redis+sentinel://a' }, { SLUICE_STORE: 'redis+cluster://a' },
  ]
  for (const env of cases) t.match(faultOf(() => load(env)), { code: 'config.invalid', message: /is not available in this version/ }, JSON.stringify(env))
})

t.test('nothing opens to the network by accident', async t => {
  t.match(faultOf(() => load({ SLUICE_PROXY_LISTEN: '0.0.0.0:3128' })), { message: /^proxy\.clients .*0\.0\.0\.0:3128 is not loopback/ })
  t.match(faultOf(() => load({ SLUICE_PROXY_LISTEN: '127.0.0.1:1,[::]:3128' })), { message: /^proxy\.clients/ })
  t.match(faultOf(() => load({ SLUICE_ADMIN_LISTEN: '0.0.0.0:3180' })), { message: /^admin\.listen .*admin\.insecure/ })
  t.match(faultOf(() => load({ SLUICE_ADMIN_LISTEN: '[::]:3180' })), { message: /^admin\.listen .*loopback.*admin\.tls/ })
  t.match(faultOf(() => load({ SLUICE_ADMIN_LISTEN: '127.0.0.1:3128' })), { message: /a second time/ })
  t.ok(load({ SLUICE_PROXY_LISTEN: '0.0.0.0:3128', SLUICE_PROXY_CLIENTS: '10.0.0.0/8' }))
  t.ok(load({ SLUICE_ADMIN_LISTEN: '0.0.0.0:3180', SLUICE_ADMIN_INSECURE: 'true' }))
  t.ok(load({ SLUICE_ADMIN_LISTEN: '0.0.0.0:3180', SLUICE_ADMIN_TLS: '{ cert: a.pem, key: b.pem }' }))
  t.ok(load({ SLUICE_PROXY_LISTEN: '127.8.8.8:1,[::1]:2,localhost:3' }))
})

t.test('the description is a configuration again, without its secrets', async t => {
  const env = {
    SLUICE_PROXY_LISTEN: '[::1]:1,127.0.0.1:2', SLUICE_PROXY_DRAIN: '90s', SLUICE_INTERCEPT_UNEXPLAINED_BODY: '3MiB',
    SLUICE_ADMIN_OIDC: '{ issuer: https://idp.example, audience: sluice, roles: { admin: [a] } }', SLUICE_ADMIN_LIMITS: '{ perToken: 5 }',
  }
  const config = load(env)
  t.same(inFile(t.testdir({ 'sluice.yaml': describeConfig(config) })), config)
  const secret = describeConfig(load({
    SLUICE_STORE: 'redis://user:hunter2@cache.example/1', SLUICE_UPSTREAM_PARENT: 'http://user:hun%74er2@up.example:8080', SLUICE_ADMIN_TOKEN: 'hunter2',
  }))
  t.notMatch(secret, /hun(t|%74)er2|user/)
  t.match(secret, 'redis://***:***@cache.example/1')
  t.match(secret, 'admin token is set')
})

t.test('how event files are rotated is read, and shown as it was written', async t => {
  const config = load({ SLUICE_EVENTS_SINKS: '[{ type: file, path: a, rotate: 10MiB }, { type: file, path: b, rotate: false }]', SLUICE_EVENTS_RETENTION: '7d' })
  t.match(config.events, { sinks: [{ path: 'a', rotate: 10_485_760 }, { path: 'b', rotate: null }], retention: 604_800_000 })
  t.match(describeConfig(config), /rotate: 10MiB(.|\n)*rotate: false(.|\n)*retention: 7d/)
  t.same(inFile(t.testdir({ 'sluice.yaml': describeConfig(config) })), config)
  t.match(openings(config).join('\n'), /rotate false/)
  t.match(describeConfig(load()), /rotate: 256MB/)
})

t.test('what the admin API leaves open is said', async t => {
  const said = (env: NodeJS.ProcessEnv) => openings(load(env)).filter(line => line.startsWith('admin.')).join('\n')
  t.equal(said({}), '')
  const off = { SLUICE_ADMIN_LISTEN: '0.0.0.0:3180' }
  t.match(said({ ...off, SLUICE_ADMIN_INSECURE: 'true' }), /without TLS to 0\.0\.0\.0:3180[^]*trustedPeers is empty/)
  t.match(said({ ...off, SLUICE_ADMIN_TLS: '{ cert: a, key: b }' }), /^admin\.listen 0\.0\.0\.0:3180: whoever reaches it reads \/metrics/)
  t.match(said({ SLUICE_ADMIN_TRUSTED_PEERS: '0.0.0.0/0' }), /any client may write which address/)
  t.match(said({ SLUICE_ADMIN_OIDC: '{ issuer: "https://idp.example", audience: a, roles: { admin: [b] } }' }), /whoever https:\/\/idp\.example gives a role/)
})

t.test('tenants.restrict: on, off, or what an account needs', async t => {
  const GUID = '11111111-2222-3333-4444-555555555555'
  const read = (text: string) => load({ SLUICE_TENANTS_RESTRICT: text }).tenants.restrict
  t.same(read('{}'), {})
  t.same(read('{ google: on, dropbox: true, github: off, claude: false }'), { google: {}, dropbox: {} })
  t.same(read(`{ microsoft: { directory: ${GUID.toUpperCase()} } }`), { microsoft: { directory: GUID, policy: null, consumer: 'block' } })
  t.same(read(`{ microsoft: { directory: ${GUID}, consumer: allow } }`), { microsoft: { directory: GUID, policy: null, consumer: 'allow' } })
  t.same(read(`{ microsoft: { directory: ${GUID}, policy: ${GUID} } }`), { microsoft: { directory: GUID, policy: GUID, consumer: 'block' } })
  t.same(read('{ slack: { workspace: T0123ABCD }, asana: { requester: 77 }, gcp: { organizations: [123, "456"] } }'),
    { slack: { workspace: 'T0123ABCD' }, asana: { requester: '77' }, gcp: { organizations: ['123', '456'] } })

  for (const [text, told] of [
    ['{ slak: on }', /^tenants\.restrict .*names slak, .*did you mean slack\?/],
    ['{ box: on }', /box, whose provider offers no such restriction/],
    ['{ zzzzzzzzzzzzz: on }', /no account that can be restricted; those are microsoft, google/],
    ['{ microsoft: on }', /microsoft a directory: the directory id \(GUID\).*both fields/],
    ['{ microsoft: { directory: contoso.com } }', /microsoft needs a directory/],
    [`{ microsoft: { directory: "evil.example,${GUID}" } }`, /microsoft needs a directory/],
    [`{ microsoft: { directory: "${GUID}\\r\\nX: y" } }`, /microsoft needs a directory/],
    [`{ microsoft: { directry: ${GUID} } }`, /microsoft\.directry, which is not known; did you mean directory\?/],
    [`{ microsoft: { directory: ${GUID}, policy: default } }`, /microsoft\.policy that is no id/],
    [`{ microsoft: { directory: ${GUID}, consumer: maybe } }`, /block or allow for microsoft\.consumer/],
    [`{ microsoft: { directory: ${GUID}, policy: ${GUID}, consumer: allow } }`, /microsoft\.policy and microsoft\.consumer/],
    ['{ google: { domains: [x.example] } }', /on or off for google/], ['{ slack: on }', /slack a workspace/],
    ['{ slack: { workspace: "T1, T2" } }', /slack\.workspace that is no id/], ['{ asana: { requester: "1\\r\\nX: y" } }', /asana\.requester/],
    ['{ gcp: on }', /gcp organizations/], ['{ gcp: { organizations: [] } }', /gcp organizations/], ['{ gcp: { organizations: [x] } }', /gcp organ/],
    ['{ google: maybe }', /a map of account to on, off or a map/], ['google', /a map of account/], ['{ google: null }', /a map of account/],
  ] as const) t.match(faultOf(() => load({ SLUICE_TENANTS_RESTRICT: text })), { code: 'config.invalid', message: told }, text)

  const config = load({
    SLUICE_TENANTS_RESTRICT: `{ google: on, slack: { workspace: T0123ABCD }, microsoft: { directory: ${GUID}, policy: ${GUID} }, gcp: { organizations: [1] } }`,
    SLUICE_TENANTS_ASK: 'true', SLUICE_TENANTS_ASK_TIMEOUT: '500ms', SLUICE_TENANTS_KEY_FILE: '/run/secrets/key', SLUICE_TENANTS_KEY_SETS: 'a.json,b.json',
  })
  t.match(config.tenants, { ask: true, askTimeout: 500, keyFile: '/run/secrets/key', keySets: ['a.json', 'b.json'] })
  t.same(inFile(t.testdir({ 'sluice.yaml': describeConfig(config) })), config)
})

t.test('what is left open is said', async t => {
  const said = (env: NodeJS.ProcessEnv) => openings(load(env)).join('\n')
  t.match(said({}), /front splice/)
  t.notMatch(said({}), /tenants\./)
  t.match(said({ SLUICE_TENANTS_RESTRICT: '{ google: on, chatgpt: on }' }), /guards sign-in(.|\n)*mail, search(.|\n)*without signing in/)
  t.notMatch(said({}), /opaque|break|required|late/)
  for (const [env, sentence] of [
    [{ SLUICE_INTERCEPT_MODE: 'none' }, /nothing is opened/], [{ SLUICE_INTERCEPT_OPAQUE: 'splice' }, /opaque splice/],
    [{ SLUICE_INTERCEPT_PINNED: 'bypass' }, /pinned bypass/], [{ SLUICE_INTERCEPT_FRONT: 'intercept' }, /front intercept.*decrypted/],
    [{ SLUICE_INTERCEPT_FRONT: 'block', SLUICE_UPSTREAM_PARENT: 'http://a:8080' }, /only names that the catalogue lists/],
    [{ SLUICE_EVENTS_PSEUDONYMISE: 'true' }, /file names and paths stay/],
    [{ SLUICE_EVENTS_PSEUDONYMISE: 'true', SLUICE_STORE: 'redis://a' }, /events\.keyFile null/],
    [{ SLUICE_STORE_REQUIRED: 'false' }, /store\.required/], [{ SLUICE_POLICY_LATE: 'allow' }, /policy\.late/],
    [{ SLUICE_PROXY_CLIENTS: '0.0.0.0/0' }, /everyone/], [{ SLUICE_CERTS_CONSTRAIN: 'none' }, /any name/],
    [{ SLUICE_ADMIN_TOKEN: 'short' }, /can be guessed/], [{ SLUICE_INTERCEPT_BYPASS: 'x.example' }, /x\.example/],
  ] as const) t.match(said(env), sentence)
})
