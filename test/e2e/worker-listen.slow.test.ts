/** `proxy.workers`: how connections come to workers, by the kernel or by the process that has started them. */
import { join } from 'node:path'
import t from 'tap'
import { startOrigin } from '../origin/origin.ts'
import { openKernel } from '../../proxy/workers/kernel.ts'
import { startNode } from './node-process.ts'
import { ALLOW_ALL, connect, CONTENT, openHttp } from './wire.ts'
import { ADDRESSES, put } from './worker-world.ts'

/** As on a system whose kernel is told nothing. */
const ELSEWHERE = { NODE_OPTIONS: `--import=data:text/javascript,Object.defineProperty(process,'platform',{value:'freebsd'})` }

const origin = await startOrigin()
t.teardown(() => origin.close())
const dir = t.testdir()

for (const [name, env] of [['the kernel', {}], ['the process that has started them', ELSEWHERE]] as const) {
  t.test(`by ${name}: a client's are all served by one, at every address, and no second proxy takes the port`, async t => {
    const proxy = { workers: 2, limits: { tunnelsPerClient: 3 } }
    const start = (listen: readonly string[], sub: string) => startNode(join(dir, `${sub}-${env === ELSEWHERE}`), origin, 'embedded:./data', 'workers-test-token', { proxy: { ...proxy, listen } }, { ...env, SLUICE_LOG: 'debug' })
    const node = await start(['127.0.0.1:0', '[::1]:0'], 'first')
    t.teardown(() => node.kill())
    t.match(node.said(), `"steered":${env === ELSEWHERE || await openKernel() === null ? 'false' : 'true'}`)
    t.equal((await node.putPolicy(ALLOW_ALL)).status, 200)
    for (const localAddress of ADDRESSES) {
      const wire = await openHttp(node, CONTENT, { localAddress })
      t.equal(await put(wire, 'hello', 'hello.txt'), 200)
      wire.close()
    }
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await connect(node, `${CONTENT}:443`, { localAddress: '127.0.1.1' })).status))
    t.equal(statuses.filter((status) => status === 200).length, 3, 'of twelve at once')
    await t.rejects(start([new URL(node.proxy).host], 'second'), /listen\.in-use/)
    t.equal(await node.end(), 0)
  })
}
