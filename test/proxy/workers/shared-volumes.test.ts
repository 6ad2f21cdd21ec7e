import t from 'tap'
import { Volumes } from '../../../policy/volumes.ts'
import { SharedVolumes } from '../../../proxy/workers/shared-volumes.ts'

const HOUR = 3_600_000

t.test('what a worker that ends had on its way is taken back, and what it has sent stays', async t => {
  const volumes = { bodies: new Volumes(), tunnels: new Volumes() }
  const shared = new SharedVolumes<object>(volumes)
  const [one, other] = [{}, {}]
  shared.take(one, [{ of: 'bodies', key: 'a', bytes: 0, onWay: 100 }, { of: 'tunnels', key: 'a', bytes: 5, onWay: 0 }])
  shared.take(other, [{ of: 'bodies', key: 'a', bytes: 0, onWay: 30 }])
  shared.take(one, [{ of: 'bodies', key: 'a', bytes: 60, onWay: -60 }, { of: 'bodies', key: 'b', bytes: 0, onWay: 1 }])
  shared.take(one, [{ of: 'bodies', key: 'b', bytes: 1, onWay: -1 }])
  t.equal(volumes.bodies.sent('a', HOUR), 130)
  t.strictSame(shared.gone(one), [{ of: 'bodies', key: 'a', bytes: 0, onWay: -40 }], 'and the others hear of it')
  t.equal(volumes.bodies.sent('a', HOUR), 90)
  t.strictSame(shared.gone(one), [])
  t.match(shared.past(), { bodies: [{ key: 'b', onWay: 0 }, { key: 'a', onWay: 30 }], tunnels: [{ key: 'a', onWay: 0 }] })
})
