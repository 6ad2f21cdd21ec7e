/**
 * Uploads written so that a reader of requests takes them for something else: under a policy that forbids them, nothing of a file is
 * stored. Under one that allows all, the same bytes are stored, or refused as what can be read in two ways: no case is empty.
 */
import t from 'tap'
import type { Test } from 'tap'
import { watchProcess } from '../e2e/observe.ts'
import { startLenientOrigin } from '../e2e/lenient-origin.ts'
import { ALLOW_ALL, openHttp } from '../e2e/wire.ts'
import { startWorld } from '../e2e/world.ts'
import { EVASIONS } from './evasions.ts'
import type { Evasion } from './evasions.ts'

const faults = watchProcess(t)
const origin = await startLenientOrigin()
const world = await startWorld({ config: { upstream: { hosts: origin.hosts, ca: [origin.caFile] } } })
t.teardown(async () => {
  await world.close()
  await origin.close()
})

const rule = (id: string, when: object): object => ({ ...ALLOW_ALL, rules: [{ id, when, action: 'block' }] })
const POLICIES: Readonly<Record<NonNullable<Evasion['policy']> | 'foreign', object>> = {
  foreign: rule('foreign', { activity: 'upload', not: { tenant: 'sanctioned' } }),
  large: rule('large', { activity: 'upload', size: { atLeast: '20KB' } }),
  keys: rule('keys', { activity: 'upload', fileName: '*.key' }),
}

/** Sends all of it; the statuses of the answers until the connection ends or nothing more comes. */
async function send({ host, bytes }: Evasion): Promise<number[]> {
  const wire = await openHttp(world, host)
  wire.write(bytes)
  const statuses: number[] = []
  for (let i = 0; i < 25 && !wire.over; i++) {
    const answer = await wire.response({ head: bytes.toString('latin1').startsWith('HEAD') }).catch(() => null)
    if (answer === null || answer.status === 0) break
    if (answer.status === 100) continue
    statuses.push(answer.status)
    if (statuses.length >= (bytes.toString('latin1').match(/ HTTP\/1\.1\r\n/g)?.length ?? 1)) break
  }
  wire.close()
  return statuses
}

/** Sends each case where all is allowed, then under the policy. */
async function hold(t: Test, policy: keyof typeof POLICIES): Promise<void> {
  const cases = EVASIONS.filter(one => (one.policy ?? 'foreign') === policy)
  await world.setPolicy(ALLOW_ALL)
  const empty = new Map<string, readonly number[]>()
  for (const one of cases) {
    origin.reset()
    const statuses = await send(one)
    if (origin.stored() === 0) empty.set(one.name, statuses)
  }
  await world.setPolicy(POLICIES[policy])
  for (const one of cases) {
    await t.test(one.name, async t => {
      origin.reset()
      const statuses = await send(one)
      t.equal(origin.stored(), 0, `nothing is stored: ${statuses.join()}`)
      const refused = empty.get(one.name)
      if (refused === undefined) t.notOk(one.malformed ?? one.stripped, 'where all is allowed, it is stored')
      else if (one.stripped) t.strictSame(refused, [200], 'passes without what would mislead')
      else t.ok(refused.some(status => status >= 400), `refused as what it is: ${refused.join()}`)
    })
  }
}

t.test('an upload in other words is one to a foreign account still', t => hold(t, 'foreign'))
t.test('a size in other words is held to the rule', t => hold(t, 'large'))
t.test('a name in other words is held to the rule', t => hold(t, 'keys'))

t.test('nothing would have ended the process', async t => {
  t.strictSame(faults, [])
})
