/** The bench itself, with little: that every work is done through Sluice and through what else is there, and that what is wrong is told. */
import t from 'tap'
import { MIB } from './content.ts'
import { isThere, PEERS } from './peers.ts'
import { runRounds } from './rounds.ts'
import { startSluice } from './sluice.ts'
import type { NamedWork } from './works.ts'
import { works } from './works.ts'

const duration = { warmMs: 100, ms: 200 }
/** The same works, with fewer bytes and hosts. */
const little: NamedWork[] = works(true).all.map(named => {
  const { work } = named
  if (work.kind === 'contact') return { ...named, work: { ...work, hosts: 3 } }
  return work.kind === 'upload' || work.kind === 'download' ? { ...named, work: { ...work, bytes: MIB + 5 } } : named
})

t.test('every work is done through every proxy that is there', async t => {
  const peers = PEERS.filter(isThere)
  const { outcomes, starts, shares, faults } = await runRounds({ rounds: 1, peers, works: little, duration, say: () => undefined })
  t.strictSame(faults, [])
  t.equal(starts.length, 1)
  t.ok(shares[0] !== undefined && shares[0].stages > 0 && shares[0].engine > 0, 'the profile shows both')
  for (const { name, isSpliced } of little) {
    const done = [...outcomes.get(name) ?? []].filter(([, rounds]) => rounds.length === 1).map(([peer]) => peer)
    t.ok(done.includes('Sluice'), `${name}: ${done.join(', ')}`)
    if (isSpliced !== true && !name.startsWith('HTTP/2')) t.equal(done.length, peers.length, name)
    for (const [, rounds] of outcomes.get(name) ?? []) for (const { count, cpuSeconds, peakBytes } of rounds) t.ok(count > 0 && cpuSeconds >= 0 && peakBytes > MIB)
  }
})

t.test('a proxy whose certificates are not believed is a fault, and has no outcome', async t => {
  const start = async (ground: Parameters<typeof startSluice>[0]) => ({ ...await startSluice(ground), ca: ground.origin.ca })
  const upload = little.filter(({ name }) => name.startsWith('upload: one'))
  const { outcomes, faults } = await runRounds({ rounds: 1, peers: [{ name: 'stranger', start, hasHttp2: true }], works: upload, duration, say: () => undefined })
  t.match(faults, [/stranger, upload: one of .*certificate/])
  t.strictSame([...outcomes.values()].map(byPeer => byPeer.get('stranger')), [[]])
})
