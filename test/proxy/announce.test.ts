/** What a start prints is true of what was started. */
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { loadConfig } from '../../proxy/config.ts'
import { startSluice } from '../../proxy/main.ts'
import { startWorld } from '../e2e/world.ts'

t.test('the line that shows a block is printed only where the policy in use blocks it', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  t.match(world.sluice.announcement, /See a block.*\n.*sluice-test-my\.sharepoint\.com/)
  await world.setPolicy({ default: 'allow', unknownTenant: 'allow', rules: [] })
  await world.sluice.close()
  const again = await startSluice(loadConfig({ file: join(world.dir, 'sluice.yaml'), env: {} }), pino({ level: 'silent' }))
  t.teardown(() => again.close())
  t.match(again.announcement, /Sluice is running/)
  t.notMatch(again.announcement, /See a block/)
})
