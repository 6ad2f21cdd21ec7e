/** What a start prints: where everything is, how to trust the CA, and one line that shows a block. */
import { resolve } from 'node:path'

export interface Started {
  readonly proxy: string
  readonly admin: string
  readonly caFile: string
  readonly fingerprint: string
  /** Shown once, on the start that made it; null on later ones. */
  readonly newToken: string | null
  readonly revision: number
  readonly store: string
}

export function composeAnnouncement(started: Started): string {
  const { proxy, admin } = started
  const ca = resolve(started.caFile)
  const token = started.newToken === null
    ? 'the token of the first start (`sluice token create` makes another)'
    : `${started.newToken}\n               (shown once; keep it)`
  return `
Sluice is running, policy revision ${started.revision}, store ${started.store}.

  Proxy        http://${proxy}
  PAC          http://${proxy}/proxy.pac
  CA           ${ca}
               SHA-256 ${started.fingerprint}
               how to trust it: http://${proxy}/
  Admin API    http://${admin}
  Admin token  ${token}

See a block (the default policy has a rule for this made-up tenant; nothing leaves this machine):
  curl -x http://${proxy} --cacert ${ca} -d hello -X PUT https://sluice-test-my.sharepoint.com/personal/me/Documents/hello.txt
`
}
