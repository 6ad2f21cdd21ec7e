/**
 * The system's GSS-API library (RFC 2743, RFC 2744; MIT Kerberos) as an acceptor of Kerberos tickets, by way of koffi. All cryptography,
 * and all reading of keytabs and tokens, is the library's. Loaded only where it is configured.
 */
import { SluiceError } from '../../policy/errors.ts'

export interface AcceptorOptions {
  /** The keytab that holds the proxy's keys. The library reads it at each use, so that a rotated one is in force at once. */
  readonly keytab: string
  /** The one principal whose tickets are taken (`HTTP/proxy.example.com@EXAMPLE.COM`); null: those of every `HTTP/…` in the keytab. */
  readonly principal: string | null
  /** The file that remembers which tokens were used; made where it is not there. Of several processes all may name the same. */
  readonly replayCache: string
}

export interface Accepted {
  /** The client as Kerberos writes it: `anna@EXAMPLE.COM`. */
  readonly principal: string
  /** As whom it knows the proxy: `HTTP/proxy.example.com@EXAMPLE.COM`. */
  readonly service: string
  /** What proves the proxy to the client (mutual authentication); empty: nothing is to be told. */
  readonly answer: Buffer
  /** How long the ticket holds from now on, in seconds. */
  readonly seconds: number
}

export interface Acceptor {
  /** Checks a token in another thread. Rejects with a `TokenError`, or another where the check itself fails. */
  accept(token: Buffer): Promise<Accepted>
  /** Gives back what the library holds, once what is under way is done. Nothing is accepted after it. */
  close(): void
}

/** A token that does not prove anybody. The message is the library's, for the log. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
}

const LIBRARY = 'libgssapi_krb5.so.2'
/** Threads of koffi have 128 KiB of stack; the library is written for what a program has. */
const STACK_BYTES = 1_048_576

/** RFC 2744 §3.9.1: calling and routine errors are in the upper half of a major status; the lower tells of states. */
const ERRORS = 0xffff0000
const CONTINUE_NEEDED = 1
/** RFC 2743 §1.2.5: nobody in particular was proven. */
const ANONYMOUS = 64
/** RFC 2744 §5.1: both sides, or that which is proven to. */
const ACCEPT = 2
/** The highest number of one (EHWPOISON of Linux). */
const SYSTEM_ERRORS = 133
/** What a minor status says that has no text. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(['', 'Success', 'Unknown error'])
const [OF_MAJOR, OF_MINOR] = [1, 2]

const KRB5 = oid('2a864886f712010202')
const SPNEGO = oid('2b0601050502')
/** RFC 2744 §4.1; without a host, every key of the service is meant. */
const SERVICE_NAME = oid('2a864886f71201020104')
/** RFC 1964 §2.1.1. */
const PRINCIPAL_NAME = oid('2a864886f71201020201')

type Pointer = bigint | null
/** A `gss_buffer_desc` or `gss_OID_desc`. */
interface Bytes {
  length: number | bigint
  value: Buffer | Pointer
}
type Out<T> = [T]

/**
 * Opens the library and the keytab. Rejects with `kerberos.unavailable` where the library is not installed, `kerberos.keytab` where the
 * keytab holds no key that fits.
 */
export async function openAcceptor({ keytab, principal, replayCache }: AcceptorOptions): Promise<Acceptor> {
  const gss = await load()
  const name: Out<Pointer> = [null]
  const credential: Out<Pointer> = [null]
  const minor: Out<number> = [0]
  const refuse = (major: number): SluiceError => new SluiceError('kerberos.keytab',
    `${keytab} (people.kerberos.keytab) has no key for ${principal ?? 'HTTP/…'}: ${gss.explain(major, minor[0])}`,
    'Make a keytab for the name by which clients know the proxy, HTTP/proxy.example.com, and let the user that runs Sluice read it')
  let major = gss.importName(minor, buffer(principal ?? 'HTTP'), principal === null ? SERVICE_NAME : PRINCIPAL_NAME, name)
  if (isError(major)) throw refuse(major)
  const mechanisms = { count: 2, elements: [KRB5, SPNEGO] }
  const store = { count: 2, elements: [{ key: 'keytab', value: `FILE:${keytab}` }, { key: 'rcache', value: `file2:${replayCache}` }] }
  major = gss.acquire(minor, name[0], 0xffffffff, mechanisms, ACCEPT, store, credential, null, null)
  gss.releaseName([0], name)
  if (isError(major)) throw refuse(major)
  // Within SPNEGO, no other mechanism that the library may know.
  major = gss.setMechanisms(minor, credential[0], { count: 1, elements: [KRB5] })
  if (isError(major)) {
    gss.releaseCredential([0], credential)
    throw refuse(major)
  }
  // By token: what another thread reads is held here.
  const underWay = new Set<Buffer>()
  let isClosed = false
  const release = (): void => { if (isClosed && underWay.size === 0) gss.releaseCredential([0], credential) }
  return {
    async accept(token) {
      if (isClosed) throw new Error('the keytab is closed')
      underWay.add(token)
      try {
        return await accept(gss, credential[0], token)
      } finally {
        underWay.delete(token)
        release()
      }
    },
    close() {
      if (isClosed) return
      isClosed = true
      release()
    },
  }
}

async function accept(gss: Gss, credential: Pointer, token: Buffer): Promise<Accepted> {
  const minor: Out<number> = [0]
  const context: Out<Pointer> = [null]
  const source: Out<Pointer> = [null]
  const service: Out<Pointer> = [null]
  const output: Bytes = { length: 0, value: null }
  const flags: Out<number> = [0]
  const seconds: Out<number> = [0]
  try {
    // No channel bindings, and no place for credentials that a client would delegate.
    const major = await gss.accept(minor, context, credential, { length: token.length, value: token }, null, source, null, output, flags, seconds, null)
    if (isError(major)) throw failure(gss, gss.explain(major, minor[0]))
    // Kerberos has proven the client by one token. What goes on is a negotiation for another mechanism, which there is not.
    if ((major & CONTINUE_NEEDED) !== 0) throw new TokenError('the client puts another mechanism before Kerberos')
    if ((flags[0] & ANONYMOUS) !== 0) throw new TokenError('an anonymous ticket')
    if (isError(gss.inquire([0], context[0], null, service, null, null, null, null, null))) throw new TokenError('a ticket for nobody')
    return { principal: gss.display(source[0]), service: gss.display(service[0]), answer: gss.copy(output), seconds: seconds[0] }
  } finally {
    gss.releaseBuffer([0], output)
    gss.releaseName([0], source)
    gss.releaseName([0], service)
    gss.deleteContext([0], context, null)
  }
}

/** An error of the operating system's is not the client's: a file of our own could not be read or written. By text, since the library renumbers. */
function failure(gss: Gss, why: string): Error {
  return gss.systemErrors.has(why) ? new Error(`the keytab, or the file of used tokens: ${why}`) : new TokenError(why)
}

/** The functions that are used, by the names of RFC 2744. All return the major status. */
interface Gss {
  importName(minor: Out<number>, name: Bytes, type: Bytes, out: Out<Pointer>): number
  acquire(minor: Out<number>, name: Pointer, seconds: number, mechanisms: object, usage: number, store: object, out: Out<Pointer>, got: null, left: null): number
  setMechanisms(minor: Out<number>, credential: Pointer, mechanisms: object): number
  accept(
    minor: Out<number>, context: Out<Pointer>, credential: Pointer, token: Bytes, bindings: null, source: Out<Pointer>, mechanism: null,
    output: Bytes, flags: Out<number>, seconds: Out<number>, delegated: null,
  ): Promise<number>
  inquire(minor: Out<number>, context: Pointer, source: null, target: Out<Pointer>, left: null, mechanism: null, flags: null, isLocal: null, isOpen: null): number
  releaseName(minor: Out<number>, name: Out<Pointer>): number
  releaseBuffer(minor: Out<number>, buffer: Bytes): number
  releaseCredential(minor: Out<number>, credential: Out<Pointer>): number
  deleteContext(minor: Out<number>, context: Out<Pointer>, token: null): number
  /** The text of a name. Throws a `TokenError`. */
  display(name: Pointer): string
  /** What a status says, on one line. */
  explain(major: number, minor: number): string
  /** What the operating system says of each of its errors. */
  readonly systemErrors: ReadonlySet<string>
  /** The bytes of a buffer of the library's. */
  copy(buffer: Bytes): Buffer
}

let loaded: Promise<Gss> | null = null

/** Once a process: types have names in it. */
function load(): Promise<Gss> {
  loaded ??= bind()
  return loaded
}

async function bind(): Promise<Gss> {
  const { koffi, library } = await open()
  koffi.struct('sluice_gss_bytes', { length: 'size_t', value: 'void *' })
  koffi.struct('sluice_gss_oid', { length: 'uint32_t', value: 'void *' })
  koffi.struct('sluice_gss_oid_set', { count: 'size_t', elements: 'sluice_gss_oid *' })
  koffi.struct('sluice_gss_element', { key: 'const char *', value: 'const char *' })
  koffi.struct('sluice_gss_store', { count: 'uint32_t', elements: 'sluice_gss_element *' })
  const f = (declaration: string) => library.func(declaration)
  const display = f('uint32_t gss_display_name(_Out_ uint32_t *minor, void *name, _Out_ sluice_gss_bytes *text, void *type)')
  const status = f('uint32_t gss_display_status(_Out_ uint32_t *minor, uint32_t value, int kind, void *mechanism, _Inout_ uint32_t *more, _Out_ sluice_gss_bytes *text)')
  const accept = f('uint32_t gss_accept_sec_context(_Out_ uint32_t *minor, _Inout_ void **context, void *credential, sluice_gss_bytes *token, ' +
    'void *bindings, _Out_ void **source, void *mechanism, _Out_ sluice_gss_bytes *output, _Out_ uint32_t *flags, _Out_ uint32_t *seconds, void *delegated)')
  const releaseBuffer = f('uint32_t gss_release_buffer(_Out_ uint32_t *minor, _Inout_ sluice_gss_bytes *buffer)')
  const systemError = f('const char *strerror(int code)')
  const copy = ({ length, value }: Bytes): Buffer =>
    value === null || Number(length) === 0 ? Buffer.alloc(0) : Buffer.from(new Uint8Array(koffi.view(value, Number(length))))
  const lines = (value: number, kind: number): string => {
    const more: Out<number> = [0]
    const text: Bytes = { length: 0, value: null }
    const major = Number(status([0], value, kind, null, more, text))
    // Some texts end with the NUL of C.
    const said = isError(major) ? `status ${value}` : copy(text).toString('utf8').replaceAll(/[\u0000-\u001f]/g, '')
    releaseBuffer([0], text)
    return said
  }
  return {
    importName: f('uint32_t gss_import_name(_Out_ uint32_t *minor, sluice_gss_bytes *name, sluice_gss_oid *type, _Out_ void **out)'),
    acquire: f('uint32_t gss_acquire_cred_from(_Out_ uint32_t *minor, void *name, uint32_t seconds, sluice_gss_oid_set *mechanisms, int usage, ' +
      'sluice_gss_store *store, _Out_ void **out, void *got, void *left)'),
    setMechanisms: f('uint32_t gss_set_neg_mechs(_Out_ uint32_t *minor, void *credential, sluice_gss_oid_set *mechanisms)'),
    accept: (...given) => new Promise((resolve, reject) => {
      accept.async(...given, (error: unknown, major: number) => {
        if (error === null || error === undefined) resolve(major)
        else reject(error instanceof Error ? error : new Error(String(error)))
      })
    }),
    inquire: f('uint32_t gss_inquire_context(_Out_ uint32_t *minor, void *context, void *source, _Out_ void **target, void *left, void *mechanism, ' +
      'void *flags, void *local, void *open)'),
    releaseName: f('uint32_t gss_release_name(_Out_ uint32_t *minor, _Inout_ void **name)'),
    releaseBuffer,
    releaseCredential: f('uint32_t gss_release_cred(_Out_ uint32_t *minor, _Inout_ void **credential)'),
    deleteContext: f('uint32_t gss_delete_sec_context(_Out_ uint32_t *minor, _Inout_ void **context, void *token)'),
    display(name) {
      const text: Bytes = { length: 0, value: null }
      const major = Number(display([0], name, text, null))
      const said = copy(text).toString('utf8')
      releaseBuffer([0], text)
      if (isError(major) || said === '') throw new TokenError('a client without a name')
      return said
    },
    explain(major, minor) {
      // Where a minor status says what is wrong, the major one only says that it does.
      const said = minor === 0 ? '' : lines(minor, OF_MINOR)
      return SAYS_NOTHING.has(said) ? lines(major, OF_MAJOR) : said
    },
    systemErrors: new Set(Array.from({ length: SYSTEM_ERRORS }, (_, i) => String(systemError(i + 1)))),
    copy,
  }
}

async function open() {
  const { default: koffi } = await import('koffi').catch((cause: unknown) => {
    throw new SluiceError('kerberos.unavailable', 'proxy.auth negotiate needs the package koffi, which cannot be loaded',
      'Install the packages with npm ci, the optional ones among them', { cause })
  })
  try {
    koffi.config({ ...koffi.config(), async_stack_size: STACK_BYTES })
    return { koffi, library: koffi.load(LIBRARY) }
  } catch (cause) {
    throw new SluiceError('kerberos.unavailable', `proxy.auth negotiate needs the Kerberos library ${LIBRARY}, which cannot be loaded`,
      'Install it: libgssapi-krb5-2 (Debian, Ubuntu) or krb5-libs (Fedora, Red Hat)', { cause })
  }
}

function isError(major: number): boolean {
  return (major & ERRORS) !== 0
}

function buffer(text: string): Bytes {
  const bytes = Buffer.from(text, 'utf8')
  return { length: bytes.length, value: bytes }
}

function oid(hex: string): Bytes {
  const bytes = Buffer.from(hex, 'hex')
  return { length: bytes.length, value: bytes }
}
