/** The other side of the library that Sluice uses, in this process: as many fresh tokens as a test needs, which curl would take minutes for. */
import koffi from 'koffi'

type Pointer = bigint | null
const SPNEGO = { length: 6, value: Buffer.from('2b0601050502', 'hex') }
/** A host-based service (RFC 2744 §4.1). */
const SERVICE = { length: 10, value: Buffer.from('2a864886f71201020104', 'hex') }
const MUTUAL = 2

/** Makes tokens for HTTP@localhost, of the tickets that this process's `KRB5CCNAME` names. `openAcceptor` must have been called before. */
export function initiator(): () => Buffer {
  const library = koffi.load('libgssapi_krb5.so.2')
  const importName = library.func('uint32_t gss_import_name(_Out_ uint32_t *minor, sluice_gss_bytes *name, sluice_gss_oid *type, _Out_ void **out)')
  const initiate = library.func('uint32_t gss_init_sec_context(_Out_ uint32_t *minor, void *credential, _Inout_ void **context, void *name, sluice_gss_oid *mechanism, ' +
    'uint32_t flags, uint32_t seconds, void *bindings, void *input, void *actual, _Out_ sluice_gss_bytes *token, void *got, void *left)')
  const deleteContext = library.func('uint32_t gss_delete_sec_context(_Out_ uint32_t *minor, _Inout_ void **context, void *token)')
  const releaseBuffer = library.func('uint32_t gss_release_buffer(_Out_ uint32_t *minor, _Inout_ sluice_gss_bytes *buffer)')
  const name: [Pointer] = [null]
  const target = Buffer.from('HTTP@localhost')
  importName([0], { length: target.length, value: target }, SERVICE, name)
  return () => {
    const context: [Pointer] = [null]
    const token: { length: number, value: Pointer } = { length: 0, value: null }
    const major = Number(initiate([0], null, context, name[0], SPNEGO, MUTUAL, 0, null, null, null, token, null, null))
    if (major > 0xffff || token.value === null) throw new Error(`no token: status ${major}`)
    const bytes = Buffer.from(new Uint8Array(koffi.view(token.value, Number(token.length))))
    releaseBuffer([0], token)
    deleteContext([0], context, null)
    return bytes
  }
}
