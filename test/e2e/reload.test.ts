/** SIGHUP: all of what is read anew takes effect, or nothing; and no certificate authority is made by it. */
import { readdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import t from 'tap'
import { prepareSuccessor, switchToSuccessor } from '../../certs/renew.ts'
import { loadCatalogue } from '../../proxy/load-catalogue.ts'
import { startRedis } from '../policy/store/redis-server.ts'
import { eventually, metric } from './observe.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

const redis = await startRedis()
t.teardown(() => redis?.close())
const skip = redis === null && 'not installed: redis-server'

/** What clients are told to trust. */
async function trusted(world: World): Promise<string> {
  return (await fetch(`${world.proxy}/sluice-ca.crt`)).text()
}

t.test('where the authority is gone, a reload fails and makes no other', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const before = await trusted(world)
  const dir = dirname(world.caFile)
  for (const names of [['ca.crt'], await readdir(dir)]) {
    for (const name of names) await rm(`${dir}/${name}`, { force: true })
    await t.rejects(world.sluice.reload(), { code: 'ca.unreadable', message: /no certificate authority/ })
    t.notOk((await readdir(dir)).includes('ca.crt'))
    t.equal(await trusted(world), before)
  }
})

t.test('where the store does not answer, a reload changes nothing; later it takes the renewed authority over', { skip }, async t => {
  if (redis === null) return
  const world = await startWorld({ config: { store: { url: redis.url } } })
  t.teardown(() => world.close())
  const before = await trusted(world)
  const options = { dir: dirname(world.caFile), constrain: 'catalogue', domains: loadCatalogue([]).domains } as const
  await prepareSuccessor(options)
  await switchToSuccessor(options)
  await redis.stop()
  await t.rejects(world.sluice.reload())
  t.equal(await trusted(world), before)
  await redis.restart()
  t.ok(await eventually(async () => await metric(world, 'sluice_store_up') === 1, 15_000))
  await world.sluice.reload()
  t.not(await trusted(world), before)
})
