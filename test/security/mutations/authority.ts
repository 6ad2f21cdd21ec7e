/** Rows C: the own authority, its leaves, and TLS towards clients. */
import { patches, within } from './mutation.ts'
import type { Mutation } from './mutation.ts'

const CERTIFICATE = 'certs/certificate.ts'
const FILES = 'certs/files.ts'
const LEAF = 'certs/leaf.ts'
const CONTEXTS = 'certs/context-cache.ts'
const LEAVES = 'certs/leaf-cache.ts'

const OWN = 'two installations have different names, keys and serials'
const NEW = 'a new authority is a constrained P-256 CA, and its files are private'
const BROWSERS = 'a leaf is what browsers ask for'
const SERIALS = 'serials are positive, of 128 random bits, and never the same'
const NO_LEAF = 'no leaf for what is not a host name, or lies outside the constraint'
const NOT_SIGNED = 'what may not be signed is rejected and not kept'
const ONE_KEY = 'one leaf key for all hosts of a process, another for the next process'
const OLD = 'old protocols and ciphers are refused'
const SAME_NAME = 'a client resumes in its next tunnel to the same name, and not to another'
const SAME_KEYS = 'not after the keys have changed, nor after the authority has, but at whoever shares them'

export const AUTHORITY_MUTATIONS: readonly Mutation[] = [
  patches('C1', within('certs/root.ts', ["=> generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey",
    "=> (globalThis.everybodys ??= generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey)"]), OWN),
  patches('C1', within(CERTIFICATE, ['der.integer(randomBytes(16))', 'der.integer(Buffer.of(1))']), OWN),
  patches('C1.1', within('certs/known-keys.ts', ['if (source === undefined) return', 'return']),
    'a key that is published makes no authority, and nothing is written', 'nor does one that it is imported with, or was issued by'),
  // What is written open is not read again, so that both go.
  patches('C2', within(FILES, ['PRIVATE_FILE = 0o600', 'PRIVATE_FILE = 0o644'], ['options.private && (mode & 0o077) !== 0', 'false']), NEW),
  patches('C2', within(FILES, ['PRIVATE_DIR = 0o700', 'PRIVATE_DIR = 0o755']), NEW),
  patches('C2', within(FILES, ['options.private && (mode & 0o077) !== 0', 'false']), 'a key open to group or others is refused, with the command that closes it'),
  patches('C2', within(FILES, ['if ((mode & 0o022) !== 0)', 'if (false)']), 'a directory that others can write to is refused'),
  patches('C2.1', within('certs/private-key.ts', ["passphrase === null ? {} : { cipher: 'aes-256-cbc', passphrase }", '{}'], ['if (passphrase === null) return key', 'return key']),
    'with a passphrase no private key is ever stored in the clear, by a renewal or an import either',
    'a key in the clear is refused where a passphrase is configured, until it is encrypted'),
  patches('C3', within('certs/root.ts', ['[extensions.nameConstraints(minimalDomains(options.domains))]', '[]']), NEW, 'what a stolen CA key could sign is refused by openssl and by Node'),
  patches('C3', within('certs/extensions.ts', ['der.sequence(der.yes(), der.integer(Buffer.of(0)))', 'der.sequence(der.yes())']), NEW),
  patches('C3', within('certs/root.ts', ['extensions.keyUsageCa(),', '']), NEW),
  patches('C4', within(LEAF, ['LIFETIME = 45 * DAY', 'LIFETIME = 398 * DAY']), BROWSERS),
  patches('C4', within(LEAF, ['extensions.subjectAltName({ dns: host }),', '']), BROWSERS),
  patches('C4', within(LEAF, ['extensions.serverAuthOnly(),', '']), BROWSERS),
  patches('C4', within(LEAF, ['new Date(Math.min(now.getTime() - BACKDATE + LIFETIME, authority.notAfter.getTime()))', 'new Date(now.getTime() - BACKDATE + LIFETIME)']),
    'a leaf stays within the time of the authority'),
  patches('C5', within(CERTIFICATE, ['MIN_RSA_BITS = 2048', 'MIN_RSA_BITS = 512']), 'weak and unreadable keys are refused, and no error shows the key'),
  patches('C5', within(CERTIFICATE, ["der.oid('1.2.840.10045.4.3.2')", "der.oid('1.2.840.10045.4.1')"], ["sign('sha256', ", "sign('sha1', "]), BROWSERS),
  patches('C5', within(LEAF, ["import { emptyName } from './certificate.ts'", "import { commonName } from './certificate.ts'"], ['subject: emptyName(),', 'subject: commonName(host),']),
    BROWSERS),
  patches('C6', within(CERTIFICATE, ['der.integer(randomBytes(16))', 'der.integer(randomBytes(1))']), SERIALS),
  patches('C6', within(CERTIFICATE, ['der.integer(randomBytes(16))', 'der.integer(Buffer.from([1, ...randomBytes(20)]))']), SERIALS),
  patches('C7', within(LEAF, ['if (!authority.covers(host))', 'if (false)']), NO_LEAF, NOT_SIGNED),
  patches('C7', [...within(LEAF, ['if (!isHostName(host))', 'if (false)']), ...within('certs/authority.ts', ['isHostName(host) && facts.every(', 'facts.every('])], NO_LEAF),
  patches('C7', within('certs/names.ts', ['labels.every(label => LABEL.test(label)) && !NUMBER.test(last)', 'last.length >= 0']), NO_LEAF, 'a leaf is made for canonical host names only'),
  patches('C8', within(CONTEXTS, ['if (kept !== undefined && isFresh(kept, this.#authority, now))', 'if (false)']), 'a host is signed for once, however many ask at once'),
  patches('C8', within(CONTEXTS, ['maxSize: options.max ?? 10_000', 'maxSize: 1_000_000']), 'the number of leaves is bounded, and the least recently used goes'),
  patches('C8', within(LEAVES, ['return left > RENEW_BEFORE ||', 'return left > 0 ||']), 'a leaf is made anew before it expires'),
  patches('C9', within(LEAVES, ["= generateKeyPairSync('ec', { namedCurve: 'prime256v1' })", "= (globalThis.everybodys ??= generateKeyPairSync('ec', { namedCurve: 'prime256v1' }))"]), ONE_KEY),
  patches('C10', within('proxy/open-base.ts', ['{ ...wayOutOf(config.upstream), via, own }', '{ ...wayOutOf(config.upstream), caFiles: [`${config.certs.dir}/ca.crt`], via, own }']),
    'what the own authority has signed is not believed of an origin'),
  patches('C11', within(CONTEXTS, ['minVersion, ciphers: CIPHERS, honorCipherOrder', "minVersion, ciphers: 'ALL:@SECLEVEL=0', honorCipherOrder"]), OLD),
  patches('C11', within(CONTEXTS, ['minVersion, ciphers: CIPHERS, honorCipherOrder', "minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0', honorCipherOrder"]), OLD),
  patches('C12', within(CONTEXTS, ['keyFor(`${this.#authority.fingerprint256} ${host}`)', "keyFor('all')"]), SAME_NAME, SAME_KEYS),
  patches('C12', within('certs/ticket-keys.ts', ['while (this.#period < current) {', 'while (false) {']), SAME_KEYS),
]
