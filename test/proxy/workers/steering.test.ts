/** Real sockets: the kernel is what runs the program. */
import net from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { openKernel } from '../../../proxy/workers/kernel.ts'
import { Steering } from '../../../proxy/workers/steering.ts'
import { steeringProgram } from '../../../proxy/workers/steering-program.ts'

const kernel = await openKernel()

/** A server for each slot, and by which one a client of an address is served. */
async function serve(t: Test, host: string, count: number) {
  if (kernel === null) throw new Error('the kernel has none of this')
  const probe = net.createServer().listen(0, host)
  await once(probe, 'listening')
  const address = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  const steering = new Steering(kernel, [address], count)
  const servers = Array.from({ length: count }, (_, slot) => net.createServer((socket) => socket.on('error', () => undefined).end(String(slot))))
  for (const [slot, server] of servers.entries()) server.listen(steering.of(slot)[0])
  t.teardown(() => {
    steering.close()
    for (const server of servers) server.close()
  })
  const ask = async (localAddress: string): Promise<number> => {
    const socket = net.connect({ host: address.family === 'IPv6' ? '::1' : '127.0.0.1', port: address.port, localAddress })
    let said = ''
    for await (const chunk of socket) said += String(chunk)
    return Number(said)
  }
  return { steering, ask }
}

const ADDRESSES = Array.from({ length: 24 }, (_, i) => `127.0.${i % 3}.${i + 1}`)

t.test('an address is always served by the same one, and each serves some', { skip: kernel === null }, async t => {
  const { ask } = await serve(t, '0.0.0.0', 3)
  const served = new Set<number>()
  for (const address of ADDRESSES) {
    const found = [await ask(address), await ask(address), await ask(address)]
    t.equal(new Set(found).size, 1, `${address}: ${found.join()}`)
    served.add(found[0] ?? -1)
  }
  t.strictSame([...served].sort(), [0, 1, 2])
})

t.test('when one is away, only its clients go elsewhere, and they come back', { skip: kernel === null }, async t => {
  const { steering, ask } = await serve(t, '127.0.0.1', 4)
  const before = await Promise.all(ADDRESSES.map(ask))
  steering.follow([true, false, true, false])
  const meanwhile = await Promise.all(ADDRESSES.map(ask))
  for (const [n, slot] of before.entries()) {
    if (slot === 0 || slot === 2) t.equal(meanwhile[n], slot)
    else t.ok(meanwhile[n] === 0 || meanwhile[n] === 2, `${meanwhile[n]}`)
  }
  steering.follow([false, false, false, false])
  t.strictSame(await Promise.all(ADDRESSES.map(ask)), before, 'where none is there, all are waited for')
  steering.follow([true, true, true, true])
  t.strictSame(await Promise.all(ADDRESSES.map(ask)), before)
})

t.test('of IPv6 too', { skip: kernel === null }, async t => {
  const { ask } = await serve(t, '::', 2)
  t.equal(new Set([await ask('::1'), await ask('::1'), await ask('::1')]).size, 1)
})

t.test('programs stay within what the kernel takes', async t => {
  const most = steeringProgram(1, Array.from({ length: 256 }, (_, slot) => slot === 255))
  t.ok(most.length / 8 <= 4_096)
})
