import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { toLine } from '../../../dashboards/ecs.ts'
import { main } from '../../../proxy/cli.ts'
import { outcome } from '../../dashboards/outcome.ts'

const evidence = { tenantIds: ['team'], tenantDenies: false, namedElsewhere: false, sessionLost: false, decidedAt: 0 }
const line = (n: number, user: string) =>
  toLine(outcome({ id: `event-${n}`, at: Date.now() - n * 3_600_000, evidence, client: { ...outcome().client, user } }), 10 - n)

/** A directory with events, a configuration and a draft that blocks ada. */
async function start(t: Test) {
  const dir = t.testdir({
    'events-2026-11-29.1.ndjson': line(4, 'ada') + line(3, 'bob'), 'events.ndjson': line(2, 'ada') + line(1, 'eve\u001b[2J'),
    'draft.yaml': 'default: allow\nunknownTenant: log\nrules:\n  - { id: no-ada, when: { user: [ada, "eve\\u005b"] }, action: block }\n',
    'all.yaml': 'default: block\nunknownTenant: block\nrules: []\n',
    'now.yaml': 'default: allow\nunknownTenant: log\nrules: []\n',
  })
  const config = join(dir, 'sluice.yaml')
  await writeFile(config, JSON.stringify({ store: `embedded:${join(dir, 'store')}`, events: { sinks: [{ type: 'file', path: join(dir, 'events.ndjson') }] } }))
  const run = async (...args: readonly string[]) => {
    let [out, err] = ['', '']
    const code = await main(['--config', config, ...args], { env: {}, out: text => { out += text }, err: text => { err += text } })
    return { code, out, err }
  }
  return { run, file: (name: string) => join(dir, name) }
}

t.test('a file is compared with the stored policy over all recorded events', async t => {
  const { run, file } = await start(t)
  t.match(await run('policy', 'simulate', file('draft.yaml')), { code: 1, err: /\[policy\.unreadable\]/ }, 'there is none yet')
  await run('policy', 'put', file('now.yaml'))
  const { code, out } = await run('policy', 'simulate', file('draft.yaml'))
  t.equal(code, 0)
  t.match(out, /^4 events replayed, .*\n2 would be decided otherwise than by the stored policy \(50\.00 %\)\n/)
  t.match(out, /\(none\) → no-ada\s+2\s+allow → block 2\n/)
  t.match(out, /User\n\s+ada\s+2\s+allow → block 2\n/)
  t.match(await run('policy', 'simulate', file('now.yaml')), { code: 0, out: /\n0 would be decided/ })
})

t.test('events, period and form can be chosen; nothing steers the terminal', async t => {
  const { run, file } = await start(t)
  const json = await run('policy', 'simulate', file('all.yaml'), '--against', 'recorded', '--json', '--since', '90m', '--events', file('events.ndjson'))
  t.match(JSON.parse(json.out), { against: 'recorded', events: 1, changed: 1, samples: [{ id: 'event-1' }] })
  const text = await run('policy', 'simulate', file('all.yaml'), '--against', 'recorded', '--limit', '1')
  t.match(text, { code: 0, out: /^1 event replayed/ })
  t.notMatch(text.out, /\u001b/)
  t.match(text.out, /eve\?\[2J/)
})

t.test('what cannot be meant is told', async t => {
  const { run, file } = await start(t)
  for (const [args, code, told] of [
    [['--since', 'yesterday'], 2, /--since must be a time/], [['--limit', '0'], 2, /--limit must be/], [['--against', 'all'], 2, /current, recorded/],
    [['--events', file('missing')], 1, /missing \(recorded events\) cannot be read \(ENOENT\).*\[config\.unreadable\]/],
  ] as const) {
    t.match(await run('policy', 'simulate', file('all.yaml'), ...args, ...args[0] === '--against' ? [] : ['--against', 'recorded']), { code, err: told, out: '' })
  }
})
