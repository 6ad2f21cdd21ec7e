/** Sluice without one of its checks, from a copy with a changed line: shows that a test would see what the check keeps out. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { startSluice } from '../../proxy/main.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface Patch {
  /** From the root of the repository. */
  readonly file: string
  /** Text that is there exactly once. */
  readonly from: string
  readonly to: string
}

/** `start` is the copy's `startSluice`; `remove` when what it started has ended. */
export async function patchedSluice(patch: Patch): Promise<{ readonly start: typeof startSluice; readonly remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-patched-'))
  for (const part of ['proxy', 'policy', 'certs', 'dashboards', 'package.json']) await cp(join(ROOT, part), join(dir, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
  const file = join(dir, patch.file)
  const parts = (await readFile(file, 'utf8')).split(patch.from)
  if (parts.length !== 2) throw new Error(`${patch.file} has ${parts.length - 1} times: ${patch.from}`)
  await writeFile(file, parts.join(patch.to))
  const main = await import(pathToFileURL(join(dir, 'proxy/main.ts')).href) as { startSluice: typeof startSluice }
  return { start: main.startSluice, remove: () => rm(dir, { recursive: true, force: true }) }
}
