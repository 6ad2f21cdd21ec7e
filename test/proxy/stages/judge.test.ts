import t from 'tap'
import { compile } from '../../../policy/evaluate.ts'
import { parsePolicy } from '../../../policy/policy.ts'
import { catalogue } from '../../../policy/providers/index.ts'
import type { ProviderModule } from '../../../policy/providers/provider.ts'
import { indexTenants } from '../../../policy/tenant/allowlist.ts'
import { readHead } from '../../../proxy/head.ts'
import { judge, rejudge } from '../../../proxy/stages/judge.ts'

const view = {
  policy: compile(parsePolicy({
    default: 'allow', unknownTenant: 'log',
    rules: [{ id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block' }],
  }), 3),
  tenants: indexTenants([{ account: 'microsoft', id: 'contoso' }]),
}
const client = { ip: '10.0.0.1', userAgent: '', class: 'unknown' as const }
const put = (host: string) => readHead(
  { method: 'PUT', url: '/personal/x/Documents/a.txt', rawHeaders: ['Host', host, 'Content-Length', '5'], httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', false,
)
const quiet = { onError: 'block' as const, now: () => 0, session: () => undefined, failed: () => undefined }

t.test('tenant by place decides', async (t) => {
  const module = catalogue.find('contoso-my.sharepoint.com')?.module ?? null
  t.match(judge(view, module, put('contoso-my.sharepoint.com'), client, null, quiet), { attribution: { standing: 'sanctioned', how: 'place' }, verdict: { decision: { action: 'allow' } } })
  t.match(judge(view, module, put('fabrikam-my.sharepoint.com'), client, null, quiet), { verdict: { decision: { action: 'block', ruleId: 'foreign', revision: 3 } } })
})

t.test('a body under a method without one is an upload, except where the provider asks for it', async (t) => {
  const asked = (method: string, host: string, url: string) => {
    const rawHeaders = ['Host', host, 'Content-Length', '60', 'Content-Type', 'application/json']
    const head = readHead({ method, url, rawHeaders, httpVersionMajor: 1, httpVersionMinor: 1 }, 'https', false)
    return judge(view, catalogue.find(host)?.module ?? null, head, client, null, quiet).recognition?.operation.activity
  }
  t.equal(asked('OPTIONS', 'api.box.com', '/2.0/files/content'), 'other', 'whether Box would take a file of that name and size')
  t.equal(asked('DELETE', 'upload.box.com', '/api/2.0/files/content'), 'upload')
  t.equal(asked('OPTIONS', 'content.dropboxapi.com', '/2/files/upload'), 'upload')
})

t.test('what is not cloud storage is not judged', async (t) => {
  const judgement = judge(view, null, put('www.example.com'), client, null, quiet)
  t.match(judgement, { recognition: null, attribution: null, reasons: ['not-intercepted'], verdict: { decision: { action: 'allow' } } })
})

t.test('a recogniser that fails closes the way, and is reported', async (t) => {
  const errors: unknown[] = []
  const broken: ProviderModule = { id: 'x', account: 'dropbox', providers: ['dropbox'], hosts: [], domains: [], providerOf: () => 'dropbox', recognise: () => { throw new Error('defect') } }
  const settings = { ...quiet, failed: (error: unknown) => errors.push(error) }
  const judgement = judge(view, broken, put('www.dropbox.com'), client, null, settings)
  t.match(judgement, { recognition: { operation: { provider: 'dropbox', activity: 'other' } }, verdict: { decision: { action: 'block', reasons: ['recogniser-failed'] } } })
  t.equal(errors.length, 1)
  t.equal(judge(view, broken, put('www.dropbox.com'), client, null, { ...settings, onError: 'allow' }).verdict.decision.action, 'allow')
})

t.test('the same facts give the same judgement', async (t) => {
  const module = catalogue.find('contoso-my.sharepoint.com')?.module ?? null
  const head = put('fabrikam-my.sharepoint.com')
  t.strictSame(judge(view, module, head, client, null, quiet), judge(view, module, head, client, null, quiet))
})

t.test('a transfer keeps the rules of the hour at which its request came', async (t) => {
  const rules = [{ id: 'night', when: { time: { from: '22:00', to: '06:00' }, size: { atLeast: 10 } }, action: 'block' }]
  const atNight = { ...view, policy: compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules }), 1) }
  let now = Date.parse('2026-11-24T05:59:00Z')
  const module = catalogue.find('contoso-my.sharepoint.com')?.module ?? null
  const before = judge(atNight, module, put('contoso-my.sharepoint.com'), client, null, { ...quiet, now: () => now })
  const { recognition } = before
  if (recognition === null) throw new Error('it is not recognised')
  t.equal(before.verdict.decision.action, 'allow')
  now = Date.parse('2026-11-24T06:01:00Z')
  const later = rejudge(before, { ...recognition.operation, size: { bytes: 10, is: 'exact' } }, [])
  t.match(later.verdict.decision, { action: 'block', ruleId: 'night' })
})
