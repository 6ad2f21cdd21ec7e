/** Anybody can write any User-Agent: what the built-in policies decide is the same whatever is written there. */
import t from 'tap'
import { loadBuiltin } from '../../policy/builtin.ts'
import { classify } from '../../policy/client-class.ts'
import { compile } from '../../policy/evaluate.ts'
import { CLIENT_CLASSES } from '../../policy/operation.ts'
import type { Decision } from '../../policy/operation.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { catalogue } from '../../policy/providers/index.ts'
import type { Policy } from '../../policy/schema.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { judge } from '../../proxy/stages/judge.ts'
import { openHttp, upload } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import { makeHead, recordings } from '../policy/providers/recording.ts'
import type { Recording } from '../policy/providers/recording.ts'

const AGENTS: readonly string[] = [
  'Microsoft SkyDriveSync 24.005.0117 ship; Windows NT 10.0', 'DropboxDesktopClient/187.4.6204 (Windows; 10; x64; en_US)',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36', 'rclone/v1.60.1', 'curl/8.5.0',
  'OfficialDropboxPythonSDKv2/11.36', 'Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1', 'Sluice', 'nobody',
]

const tenants = indexTenants([{ account: 'microsoft', id: 'contoso', aliases: ['contoso.com'] }, { account: 'dropbox', id: '1' }, { account: 'google', id: 'contoso.com' }])
const quiet = { onError: 'block' as const, now: () => 0, session: () => undefined, failed: (error: unknown) => { throw error } }

function decide(policy: ReturnType<typeof compile>, { head, fields, body, complete }: Recording, userAgent: string): Decision {
  const claiming = makeHead({ ...head, headers: [...fields.filter(([name]) => name !== 'user-agent'), ['user-agent', userAgent]] })
  const module = catalogue.find(head.host, head.path)?.module ?? null
  const client = { ip: '10.0.0.1', userAgent, class: classify(userAgent) }
  return judge({ policy, tenants }, module, claiming, client, { bytes: body, complete }, quiet).verdict.decision
}

/** Recorded requests that one User-Agent gets another decision for than another, and all that were looked at. */
function differing(policy: Policy): { readonly names: readonly string[]; readonly actions: ReadonlySet<string>; readonly count: number } {
  const compiled = compile(policy, 1)
  const actions = new Set<string>()
  const all = recordings()
  const names = all.filter((row) => {
    const decisions = ['', ...AGENTS].map((agent) => {
      const { action, ruleId, reasons } = decide(compiled, row, agent)
      actions.add(action)
      return JSON.stringify([action, ruleId, reasons])
    })
    return new Set(decisions).size > 1
  }).map(({ name }) => name)
  return { names, actions, count: all.length }
}

t.test('no User-Agent changes what the built-in policies decide', async t => {
  t.same(CLIENT_CLASSES.filter(kind => !['', ...AGENTS].some(agent => classify(agent) === kind)), [], 'every class is claimed')
  for (const name of ['default', 'strict'] as const) {
    const { names, actions, count } = differing(loadBuiltin(name))
    t.strictSame(names, [], name)
    t.ok(count > 500, `${count} recorded requests`)
    if (name === 'strict') t.ok(actions.has('block') && actions.has('log'), 'of which some are blocked and some are not')
  }
  const trusting = parsePolicy({ default: 'allow', unknownTenant: 'block', rules: [{ id: 'sync', when: { activity: 'upload', client: 'sync-app' }, action: 'allow' }] })
  t.ok(differing(trusting).names.length > 0, 'a rule that trusts it would be seen')
})

t.test('the body of an upload is held whoever claims to send it', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await world.setPolicy(loadBuiltin('strict'))
  for (const agent of AGENTS) {
    const wire = await openHttp(world, 'content.dropboxapi.com')
    wire.write(upload('secret', { fields: ['Content-Length: 6', `User-Agent: ${agent}`] }))
    t.equal((await wire.response()).status, 403, agent)
    wire.close()
  }
  t.strictSame(world.origin.requests(), [])
})
