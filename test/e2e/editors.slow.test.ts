/**
 * Several editors through two processes on one store, a thousand edits, one process killed among them: no edit that was answered for
 * is lost, none is made twice, the audit log holds, and every process comes to the last revision.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { parsePolicy } from '../../policy/policy.ts'
import type { Policy } from '../../policy/policy.ts'
import { verifyAudit } from '../../policy/store/audit-verify.ts'
import { openStore } from '../../policy/store/open.ts'
import type { AuditEntry, Revision, Store } from '../../policy/store/store.ts'
import { startOrigin } from '../origin/origin.ts'
import { noRedis, startRedis } from '../policy/store/redis-server.ts'
import { until } from '../policy/store/wait.ts'
import { startNode } from './node-process.ts'
import type { NodeProcess } from './node-process.ts'

const TOKEN = 'editors-test-token'
const EDITS = 1_000
/** Two at each node. */
const EDITORS = 4
/** Every so many edits of an editor one is of a tenant. */
const TENANT_EVERY = 5
const ADMIN = { admin: { listen: '127.0.0.1:0', limits: { perToken: 1_000_000, perAddress: 1_000_000 } } }

const origin = await startOrigin()
t.teardown(() => origin.close())

t.test('on a directory', async (t) => editors(t, `embedded:${join(t.testdir(), 'store')}`))

const redis = await startRedis()
if (redis === null) t.test('on Redis', { skip: noRedis() }, () => undefined)
else {
  t.teardown(() => redis.close())
  t.test('on Redis', async (t) => editors(t, redis.url))
}

/** One that edits through a node: its own rule counts what it has done. */
interface Editor {
  readonly name: string
  /** Edits of its rule that are known to be stored. */
  made: number
  /** Tenants that were answered for. */
  readonly tenants: string[]
  /** How often an edit was refused, because another came between. */
  refused: number
  /** Answers that never came. */
  unknown: number
}

async function editors(t: Test, url: string): Promise<void> {
  const dir = t.testdir()
  const start = async (name: string): Promise<NodeProcess> => {
    const node = await startNode(join(dir, name), origin, url, TOKEN, ADMIN)
    t.teardown(() => node.kill())
    return node
  }
  const [one, two, watching] = [await start('one'), await start('two'), await start('watching')]
  const nodes = [one, two]
  const all = Array.from({ length: EDITORS }, (_, n): Editor => ({ name: `editor-${n}`, made: 0, tenants: [], refused: 0, unknown: 0 }))
  const total = (): number => all.reduce((sum, { made, tenants }) => sum + made + tenants.length, 0)

  const killed = (async () => {
    while (total() < EDITS / 2) await sleep(5)
    nodes[1]?.kill()
    nodes[1] = await start('two')
  })()
  const started = performance.now()
  await Promise.all(all.map((editor, n) => edit(t, editor, () => nodes[n % 2] ?? one)))
  const took = performance.now() - started
  await killed

  const store = await openStore(url)
  t.teardown(() => store.close())
  const last = (await store.load()).policy
  if (last === null) throw new Error('there is a policy')
  t.equal(total(), EDITS)
  t.strictSame(countsOf(last.policy), Object.fromEntries(all.map(({ name, made }) => [name, made])), 'the last policy has every edit')
  const ids = new Set((await store.load()).tenants.map(({ id }) => id))
  for (const { tenants } of all) for (const id of tenants) if (!ids.has(id)) t.fail(`${id} was answered for and is gone`)

  const entries = await history(t, store, last)
  const { fault } = await verifyAudit(store)
  t.equal(fault, null, 'the audit log holds')
  t.equal(entries.filter(({ action }) => action === 'policy.put').length, last.revision, 'an entry for each revision')
  t.equal(new Set(entries.flatMap(({ action, subject }) => action === 'tenant.put' ? [subject] : [])).size, ids.size, 'and for each tenant')

  for (const node of [...nodes, watching]) {
    await until('every node decides by the last revision', async () => {
      const text = await (await node.api('GET', '/metrics')).text()
      return new RegExp(`^sluice_policy_revision ${last.revision}$`, 'm').test(text)
    })
  }
  const sum = (of: (editor: Editor) => number): number => all.reduce((total, editor) => total + of(editor), 0)
  t.comment(`${EDITS} edits in ${Math.round(took)} ms, ${sum((e) => e.refused)} times another came between, ${sum((e) => e.unknown)} without an answer`)
  t.ok(sum((e) => e.refused) > 0, 'they did meet')
}

async function edit(t: Test, editor: Editor, node: () => NodeProcess): Promise<void> {
  for (let n = 1; n <= EDITS / EDITORS; n++) {
    if (n % TENANT_EVERY === 0) {
      const id = `${editor.name}-${n}.example`
      await answered(editor, () => node().api('PUT', `/v1/tenants/google/${id}`, {}), 200)
      editor.tenants.push(id)
      continue
    }
    // What is stored tells whether an edit without an answer was made.
    for (const goal = editor.made + 1; editor.made < goal;) {
      const read = await answered(editor, () => node().api('GET', '/v1/policy'), 200)
      const policy = parsePolicy(read.body)
      const found = countsOf(policy)[editor.name] ?? 0
      if (found < editor.made || found > goal) t.fail(`${editor.name} has made ${editor.made} edits, and reads ${found}`)
      editor.made = found
      if (found === goal) break
      const rule = { id: editor.name, when: { activity: 'upload' }, action: 'log', description: String(goal) }
      const rules = [...policy.rules.filter(({ id }) => id !== editor.name), rule]
      const headers = { 'if-match': read.etag }
      const put = await node().api('PUT', '/v1/policy', { ...policy, rules }, headers).catch(() => null)
      if (put === null) editor.unknown++
      else if (put.status === 412) editor.refused++
      else if (put.status === 200) editor.made = goal
      else t.fail(`PUT was answered ${put.status}: ${await put.text()}`)
      await put?.body?.cancel().catch(() => undefined)
    }
  }
}

/** Asks until an answer comes: a node that was killed is started again. */
async function answered(editor: Editor, ask: () => Promise<Response>, status: number): Promise<{ body: unknown; etag: string }> {
  for (;;) {
    try {
      const answer = await ask()
      const body: unknown = await answer.json()
      if (answer.status !== status) throw new Error(`answered ${answer.status}: ${JSON.stringify(body)}`)
      return { body, etag: answer.headers.get('etag') ?? '' }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      editor.unknown++
      await sleep(50)
    }
  }
}

function countsOf({ rules }: Policy): Record<string, number> {
  return Object.fromEntries(rules.flatMap(({ id, description }) => id.startsWith('editor-') ? [[id, Number(description)]] : []))
}

/** Walks all revisions: each has one edit more of one editor, and takes nothing of the others away. Resolves the audit log. */
async function history(t: Test, store: Store, last: Revision): Promise<readonly AuditEntry[]> {
  let before: Record<string, number> = {}
  for (let n = 1; n <= last.revision; n++) {
    const revision = await store.revision(n)
    if (revision === null) {
      t.fail(`revision ${n} is missing`)
      continue
    }
    const counts = countsOf(revision.policy)
    const changed = Object.keys(counts).filter((name) => counts[name] !== before[name])
    const step = changed.map((name) => (counts[name] ?? 0) - (before[name] ?? 0))
    const lost = Object.keys(before).filter((name) => (counts[name] ?? 0) < (before[name] ?? 0))
    if (lost.length > 0 || (n > 1 && (step.length !== 1 || step[0] !== 1))) t.fail(`revision ${n} makes ${JSON.stringify(counts)} of ${JSON.stringify(before)}`)
    before = counts
  }
  return store.audit({ from: 1, limit: Infinity })
}
