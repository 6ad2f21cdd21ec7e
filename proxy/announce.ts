/** What a start prints: where everything is, how to trust the CA, and one line that shows a block. */
import { resolve } from 'node:path'

export interface Started {
  /** With its scheme. */
  readonly proxy: string
  /** With its scheme. */
  readonly admin: string
  readonly caFile: string
  readonly fingerprint: string
  /** `made`: shown once, on the start that made it. */
  readonly token: { readonly is: 'made'; readonly secret: string } | { readonly is: 'stored' | 'configured' | 'issuer' | 'unreachable' }
  readonly revision: number
  readonly store: string
  /** Whether the policy in use blocks the request of `DEMONSTRATION`, so that trying it shows something. */
  readonly demonstrates: boolean
}

/** A made-up tenant, for which the default policy has a rule. */
export const DEMONSTRATION = {
  method: 'PUT', url: 'https://sluice-test-my.sharepoint.com/personal/me/Documents/hello.txt', body: 'hello',
}

const TOKENS = {
  stored: 'the one of the first start (`sluice token create` makes another)',
  configured: 'the one that the configuration gives',
  issuer: 'that of the identity provider (admin.oidc); `sluice token create` makes one of its own',
  unreachable: 'those in the store, once it answers',
}

export function composeAnnouncement(started: Started): string {
  const { proxy, admin } = started
  const ca = resolve(started.caFile)
  return `
Sluice is running, policy revision ${started.revision}, store ${started.store}.

  Proxy        ${proxy}
  PAC          ${proxy}/proxy.pac
  CA           ${ca}
               SHA-256 ${started.fingerprint}
               how to trust it: ${proxy}/
  Admin API    ${admin}
  Admin token  ${started.token.is === 'made' ? `${started.token.secret}\n               (shown once; keep it)` : TOKENS[started.token.is]}
${started.demonstrates ? demonstration(proxy, ca) : ''}`
}

function demonstration(proxy: string, ca: string): string {
  const { method, url, body } = DEMONSTRATION
  return `
See a block (the policy has a rule for this made-up tenant; nothing leaves this machine):
  curl -x ${proxy} --cacert ${ca} -d ${body} -X ${method} ${url}
`
}
