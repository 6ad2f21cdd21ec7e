/** What can be wrong with a certificate authority or with a name that a leaf is asked for. */
export type CertificateErrorCode =
  | 'ca.unreadable' | 'ca.unwritable' | 'ca.permissions' | 'ca.mismatch' | 'ca.not-a-ca' | 'ca.key-refused' | 'ca.key-public'
  | 'ca.expired' | 'ca.not-yet-valid' | 'ca.exists' | 'ca.missing' | 'ca.imported' | 'ca.no-successor' | 'ca.passphrase'
  | 'ca.no-domains' | 'ca.name-refused' | 'ca.renewal-due'

/** One clear sentence that names the file or the name (never a key or a passphrase), and what to do about it. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  readonly code: CertificateErrorCode
  readonly remedy: string

  constructor(code: CertificateErrorCode, message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.remedy = remedy
  }
}

/** The system's error code (`ENOENT`) of a failed file operation, where there is one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The remedy for an authority that runs out or lacks a domain: one of our own is renewed, an organisation's is not ours to make. */
export function howToRenew(imported: boolean): string {
  return imported
    ? 'Have its owner issue a newer one and bring it in with `sluice ca import --replace`'
    : 'Run `sluice ca renew`, have clients trust the successor, then run `sluice ca renew --switch`'
}
