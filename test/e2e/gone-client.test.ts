/** A client that goes in the middle of its upload leaves nothing behind: no tunnel, no request without its event. */
import t from 'tap'
import { until } from '../policy/store/wait.ts'
import { curl } from './curl.ts'
import { BLOCK_UPLOADS } from './policies.ts'
import { eventsSoFar } from './recorded.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const UPLOADS = 12
/** More than the first window of an HTTP/2 connection: curl is refused, and goes, while it waits to send the rest. */
const BODY = Buffer.alloc(200_000, 'x')

for (const [flag, version] of [['--http1.1', '1.1'], ['--http2', '2']] as const) {
  t.test(`a client that goes once it is refused, over HTTP/${version}`, async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    await world.setPolicy(BLOCK_UPLOADS)
    const url = 'https://graph.microsoft.com/v1.0/me/drive/root:/x:/content'
    for (let i = 0; i < UPLOADS; i++) {
      const { status, httpVersion } = await curl([flag, '-X', 'PUT', '--data-binary', '@-', url], { ...world, stdin: BODY })
      t.match({ status, httpVersion }, { status: 403, httpVersion: version })
    }
    await until('an event for every upload', async () => (await eventsSoFar(world)).length >= UPLOADS, 15_000)
    const blocked = (await eventsSoFar(world)).filter(({ sluice }) => sluice.action === 'block')
    t.equal(blocked.length, UPLOADS, 'one event each')
    await noTunnelOpen(world)
    t.equal(world.origin.fileBytes(), 0)
  })

  t.test(`a client that goes after its answer, over HTTP/${version}`, async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    for (let i = 0; i < 3; i++) {
      const { status, httpVersion } = await curl([flag, 'https://contoso.sharepoint.com/'], world)
      t.match({ status, httpVersion }, { status: 200, httpVersion: version })
    }
    await noTunnelOpen(world)
  })
}

async function noTunnelOpen(world: World): Promise<void> {
  await until('no open tunnel', async () => /^sluice_tunnels_open 0$/m.test(await (await world.api('GET', '/metrics')).text()), 15_000)
}
