import type { Outcome } from '../../dashboards/outcome.ts'

/** An allowed 5 MB upload to a sanctioned tenant; `change` replaces what a test is about. */
export function outcome(change: Partial<Outcome> = {}): Outcome {
  return {
    id: 'AAAAAAAAAAAAAAAAAAAAAA', at: Date.UTC(2026, 0, 2, 3, 4, 5),
    operation: { provider: 'dropbox', activity: 'upload', step: 'single', size: { bytes: 5_000_000, is: 'exact' }, fileName: 'plan.pdf' },
    attribution: { account: 'dropbox', id: 'team', standing: 'sanctioned', how: 'place', reasons: ['tenant-from-place'] },
    client: { ip: '10.1.2.3', user: 'ada', userAgent: 'rclone/v1.60', class: 'cli' },
    decision: { action: 'allow', ruleId: 'own-tenants', revision: 7, reasons: ['rule'] },
    method: 'POST', host: 'content.dropboxapi.com', path: '/2/files/upload', status: 200,
    bytesUp: 5_000_000, bytesDown: 300, durationMs: 120.5, decisionMs: 0.02, protocol: 'h2', cut: false, reasons: ['rule'],
    ...change,
  }
}
