/** A Sluice that allows all, before one origin that answers what its test says. Both are as new before each test, but for their connections. */
import type { Test } from 'tap'
import { startScriptedOrigin } from './scripted-origin.ts'
import type { ScriptedOrigin } from './scripted-origin.ts'
import { ALLOW_ALL, CONTENT } from './wire.ts'
import { startWorld } from './world.ts'
import type { World } from './world.ts'

/** `drop`: each test begins with connections to the origin of its own. */
export async function startScriptedWorld(t: Pick<Test, 'teardown' | 'beforeEach'>, { drop }: { readonly drop: boolean }): Promise<{ origin: ScriptedOrigin; world: World }> {
  const origin = await startScriptedOrigin(t, [CONTENT])
  const world = await startWorld({ config: { upstream: { hosts: { [`${CONTENT}:443`]: origin.address }, ca: [origin.caFile] } } })
  t.teardown(() => world.close())
  await world.setPolicy(ALLOW_ALL)
  t.beforeEach(() => {
    origin.seen.length = 0
    origin.answers.clear()
    origin.early.clear()
    if (drop) for (const socket of origin.sockets) socket.destroy()
  })
  return { origin, world }
}
