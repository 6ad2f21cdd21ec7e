/** How much of a small request's cost in the relay the stages are, which both engines share: by a profile of Sluice at 16 requests at once. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Load } from './load.ts'
import { sharesOf } from './profile-shares.ts'
import type { Profile, Shares } from './profile-shares.ts'
import { startSluice } from './sluice.ts'
import type { Ground } from './target.ts'
import type { Duration } from './works.ts'

export async function stageShares(ground: Ground, load: Load, duration: Duration): Promise<Shares> {
  const profiles = join(ground.dir, 'profiles')
  await mkdir(profiles, { recursive: true })
  const sluice = await startSluice(ground, { engine: 'relay' }, { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` })
  // The profile has the same clock.
  const from = Number(process.hrtime.bigint() / 1_000n) + duration.warmMs * 1_000
  try {
    await load.run(sluice, { kind: 'requests', concurrency: 16, http: '1.1' }, duration)
  } finally {
    await sluice.close() // writes it
  }
  const all = await Promise.all((await readdir(profiles)).map(async name => JSON.parse(await readFile(join(profiles, name), 'utf8')) as Profile))
  // Threads write theirs too; the one that carries requests is the longest.
  const [profile] = all.sort((a, b) => b.samples.length - a.samples.length)
  if (profile === undefined) throw new Error('Sluice wrote no profile')
  return sharesOf(profile, from)
}
