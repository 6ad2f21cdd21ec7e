/** TLS between clients and the proxy port (`proxy.tls`): what its servers are made with, and renewed with. */
import { X509Certificate, constants } from 'node:crypto'
import type https from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { CHACHA_IF_FIRST } from '../certs/context-cache.ts'
import { TICKET_LIFETIME_MS } from '../certs/ticket-keys.ts'
import type { TicketKeys } from '../certs/ticket-keys.ts'
import { SluiceError } from '../policy/errors.ts'
import type { Config } from './config.ts'
import { CIPHERS } from './origin-tls.ts'
import { readText } from './read-text.ts'
import { readPair } from './tls-pair.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The files of `proxy.tls` as they are now; null where there is none. Throws `config.unreadable` or `config.invalid`. */
export function readClientTls(files: Config['proxy']['tls']): SecureContextOptions | null {
  if (files === null) return null
  const { clientCa } = files
  return {
    ...readPair(files, 'proxy.tls'),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    secureOptions: CHACHA_IF_FIRST,
    // A resumed session would let in a certificate that has ended, or whose authority is trusted no more.
    ...clientCa === undefined ? {} : { ca: readAuthorities(clientCa), secureOptions: CHACHA_IF_FIRST | constants.SSL_OP_NO_TICKET },
  }
}

/** `allowHalfOpen`, as a server without TLS has it: what is tunnelled may close one direction before the other. */
export function listenerTls(context: SecureContextOptions, handshakeTimeout: number): https.ServerOptions & { allowHalfOpen: boolean } {
  const asksForCertificate = context.ca !== undefined
  return {
    ...context,
    handshakeTimeout,
    ALPNProtocols: ['http/1.1'],
    allowHalfOpen: true,
    requestCert: asksForCertificate,
    rejectUnauthorized: asksForCertificate,
  }
}

/** The same with the ticket keys of now; a session is resumed only where the certificate is the one that it was begun with. */
export function withTickets(context: SecureContextOptions, tickets: TicketKeys): SecureContextOptions & { readonly ticketKeys: Buffer } {
  return { ...context, ticketKeys: tickets.keyFor(`proxy.tls ${String(context.cert)}`), sessionTimeout: TICKET_LIFETIME_MS / 1000 }
}

/** Calls `changed` each time that the keys have; the answer ends it. */
export function followTickets(tickets: TicketKeys, changed: () => void): () => void {
  let timer: NodeJS.Timeout
  const wait = (): void => {
    timer = setTimeout(() => {
      wait()
      changed()
    }, tickets.msLeft() + 1_000).unref()
  }
  wait()
  return () => clearTimeout(timer)
}

/** OpenSSL passes over what is no certificate, and then trusts less than its administrator believes. */
function readAuthorities(file: string): string[] {
  const found = readText(file, 'proxy.tls.clientCa').match(CERTIFICATE) ?? []
  try {
    if (found.length === 0) throw new Error('no certificate')
    for (const pem of found) if (!new X509Certificate(pem).ca) throw new Error('not of an authority')
  } catch (error) {
    throw new SluiceError('config.invalid', `proxy.tls.clientCa: ${file} holds something else than certificates of authorities`,
      'Give a file in PEM with the certificates of the authorities that sign for clients',
      { faults: [{ path: 'proxy.tls.clientCa', message: 'must be a file with certificates of authorities' }], cause: error })
  }
  return [...found]
}

/** Of `tlsClientError`: the client did not finish its handshake in time. */
export function isHandshakeTimeout(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT'
}
