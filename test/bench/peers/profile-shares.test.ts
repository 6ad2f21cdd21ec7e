import t from 'tap'
import { sharesOf } from './profile-shares.ts'
import type { Profile } from './profile-shares.ts'

const frame = (functionName: string, url = '') => ({ functionName, url })
const profile: Profile = {
  startTime: 1_000,
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3, 4, 5] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('(garbage collector)') },
    { id: 4, callFrame: frame('take', 'file:///app/proxy/relay/client-connection.ts'), children: [6, 8] },
    { id: 5, callFrame: frame('writeBuffer') },
    { id: 6, callFrame: frame('judge', 'file:///app/policy/evaluate.ts'), children: [7] },
    { id: 7, callFrame: frame('hash', 'node:internal/crypto/hash') },
    { id: 8, callFrame: frame('readHead', 'file:///app/proxy/head.ts') },
  ],
  samples: [4, 6, 7, 2, 3, 5, 8, 4],
  timeDeltas: [10, 1, 2, 4, 8, 16, 32, 64],
}

t.test('what a stage calls is the stage\'s, what is idle is nobody\'s', t => {
  t.strictSame(sharesOf(profile, 0), { stages: 2 + 4, engine: 1 + 32 + 64, collector: 16 })
  t.end()
})

t.test('what was before is left out', t => {
  t.strictSame(sharesOf(profile, 1_000 + 10 + 1 + 2), { stages: 4, engine: 32 + 64, collector: 16 })
  t.end()
})
