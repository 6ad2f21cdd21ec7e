/** `proxy.workers`: limits hold for all workers together. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../policy/store/wait.ts'
import { metric } from './observe.ts'
import { API, connect } from './wire.ts'
import { ADDRESSES, startTogether } from './worker-world.ts'

t.test('limits hold: exactly for a client, and for all together', async t => {
  const world = await startTogether(t, { proxy: { limits: { tunnelsPerClient: 3, tunnels: 20, handshakeTime: '5m' } } })
  const target = `${API}:443`
  const open: Array<{ socket: { destroy(): void } }> = []
  const ask = async (localAddress: string): Promise<number> => {
    const tunnel = await connect(world, target, { localAddress })
    if (tunnel.status === 200) open.push(tunnel)
    else tunnel.socket.destroy()
    return tunnel.status
  }
  const statuses = await Promise.all(Array.from({ length: 12 }, () => ask('127.0.1.1')))
  t.equal(statuses.filter((status) => status === 200).length, 3, 'of twelve at once')
  for (const localAddress of ADDRESSES.slice(1, 6)) for (let i = 0; i < 3; i++) t.equal(await ask(localAddress), 200)
  t.equal(open.length, 18)
  // What one worker has counts in the other a moment later.
  const late: number[] = []
  for (const localAddress of ADDRESSES.slice(6, 11)) {
    await until('the last is counted', async () => await metric(world, 'sluice_connections_open') === open.length)
    await sleep(1_000)
    late.push(await ask(localAddress))
  }
  t.equal(late.filter((status) => status === 200).length, 2, late.join())
  for (const { socket } of open) socket.destroy()
})
