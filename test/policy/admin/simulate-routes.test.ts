import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { Simulate, SimulationRequest } from '../../../policy/admin/simulate-port.ts'
import { Simulation } from '../../../policy/simulate.ts'
import { policyOf } from '../store/contract.ts'
import { startAdmin } from './harness.ts'

const NDJSON = 'application/x-ndjson'
const resultOf = ({ draft, against }: SimulationRequest) => new Simulation({ draft, current: draft, against, late: 'block' }).result()

t.test('a draft and its period come as JSON, or as YAML with a query', async (t) => {
  const asked: SimulationRequest[] = []
  const admin = await startAdmin(t, { simulate: async (request) => {
    asked.push(request)
    return resultOf(request)
  } })
  const post = (payload: string | object, type = 'application/json', query = '') =>
    admin.send('viewer', { method: 'POST', url: `/v1/policy/simulate${query}`, headers: { 'content-type': type }, payload })
  t.match((await post({ policy: policyOf('draft'), until: '2026-11-30', limit: 3, against: 'recorded' })).json(), { against: 'recorded', events: 0 })
  t.match((await post('default: allow\nunknownTenant: log\nrules: []\n', 'application/yaml', '?since=2026-11-29&limit=7')).json(), { against: 'current' })
  t.match(asked, [
    { draft: policyOf('draft'), against: 'recorded', until: '2026-11-30T00:00:00.000Z', limit: 3 },
    { draft: { default: 'allow', rules: [] }, against: 'current', since: '2026-11-29T00:00:00.000Z', limit: 7 },
  ])
  for (const [payload, code, path] of [
    [{ policy: { ...policyOf('x'), rules: [{ id: 'x', action: 'drop' }] } }, 'policy.invalid', 'policy/rules/0/action'],
    [{}, 'admin.invalid', 'policy'], [{ policy: policyOf('x'), limit: 0 }, 'admin.invalid', 'limit'], [{ policy: policyOf('x'), since: 'soon' }, 'admin.invalid', 'since'],
    [{ policy: policyOf('x'), against: 'all' }, 'admin.invalid', 'against'],
  ] as const) {
    t.match((await post(payload)).json(), { code, errors: [{ path }] }, path)
  }
  t.match((await post('default: [', 'application/yaml')).json(), { code: 'policy.invalid' })
  t.equal(asked.length, 2, 'what is not valid is not simulated')
})

t.test('progress is told line by line, and the result last', async (t) => {
  const admin = await startAdmin(t, { simulate: async (request, _signal, onProgress) => {
    for (const events of [0, 10, 20]) {
      onProgress({ events, bytes: events, totalBytes: 30 })
      await delay(5)
    }
    return resultOf(request)
  } })
  const answer = await admin.send('viewer', {
    method: 'POST', url: '/v1/policy/simulate', headers: { accept: NDJSON }, payload: { policy: policyOf('draft') },
  })
  t.equal(answer.headers['content-type'], NDJSON)
  const lines = answer.body.trimEnd().split('\n').map((line) => JSON.parse(line))
  t.match(lines[0], { progress: { events: 0, totalBytes: 30 } })
  t.match(lines.at(-1), { result: { events: 0 } })
})

t.test('a failure has its status before the first line, and its place after it', async (t) => {
  const admin = await startAdmin(t)
  const ask = (draft: string) => admin.send('viewer', {
    method: 'POST', url: '/v1/policy/simulate', headers: { accept: NDJSON }, payload: { policy: policyOf(draft) },
  })
  const busy = (await ask('busy'))
  t.equal(busy.statusCode, 200)
  t.match(JSON.parse(busy.body.trimEnd().split('\n').at(-1) ?? ''), { error: { code: 'simulate.busy' } })
  const early = await startAdmin(t, { simulate: () => Promise.reject(new Error('inner workings')) })
  const failed = await early.send('viewer', { method: 'POST', url: '/v1/policy/simulate', headers: { accept: NDJSON }, payload: { policy: policyOf('x') } })
  t.equal(failed.statusCode, 500)
  t.notMatch(failed.body, /inner workings/)
})

t.test('a simulation ends with whoever asked for it, without a word in the log', async (t) => {
  for (const accept of ['application/json', NDJSON]) {
    let began = 0
    let ended = 0
    const simulate: Simulate = async (request, signal, onProgress) => {
      began++
      onProgress({ events: 0, bytes: 0, totalBytes: 1 })
      await once(signal, 'abort')
      ended++
      signal.throwIfAborted()
      return resultOf(request)
    }
    const admin = await startAdmin(t, { simulate })
    const origin = await admin.app.listen({ port: 0, host: '127.0.0.1' })
    const gone = new AbortController()
    const answer = fetch(`${origin}/v1/policy/simulate`, {
      method: 'POST', signal: gone.signal, body: JSON.stringify({ policy: policyOf('x') }),
      headers: { authorization: `Bearer ${admin.secrets.viewer}`, 'content-type': 'application/json', accept },
    }).then((response) => response.text())
    while (began === 0) await delay(5)
    gone.abort()
    await t.rejects(answer)
    while (ended === 0) await delay(5)
    await delay(20)
    t.strictSame(admin.lines, [])
  }
})
