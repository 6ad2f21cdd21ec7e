/** A copy of the working tree to break things in, as it is on the disk: with what is not committed, without what git ignores. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { edited } from './mutations/mutation.ts'
import type { Edit } from './mutations/mutation.ts'

/** A patch is not for the code as it is. */
export class PatchError extends Error {}

export interface ScratchCopy {
  readonly dir: string
  /** Runs `act` while the edits are made, and takes them back; throws `PatchError` where one does not apply, with nothing changed. */
  readonly during: <T>(edits: readonly Edit[], act: () => Promise<T>) => Promise<T>
  readonly close: () => void
}

/** `node_modules` is the one of `root`; whatever tests write is within the copy. */
export function makeScratchCopy(root: string): ScratchCopy {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-mutate-')))
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 })
  // What git still lists may have been removed, or be a link to the packages.
  for (const file of new Set(list.split('\0'))) {
    if (file === '' || file === 'node_modules' || !existsSync(join(root, file))) continue
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    cpSync(join(root, file), join(dir, file), { preserveTimestamps: true })
  }
  symlinkSync(realpathSync(join(root, 'node_modules')), join(dir, 'node_modules'))
  return {
    dir,
    async during(edits, act) {
      const before = new Map<string, string>()
      const after = new Map<string, string>()
      for (const edit of edits) {
        const text = after.get(edit.file) ?? readFileSync(join(dir, edit.file), 'utf8')
        const changed = edited(text, edit)
        if (changed === null) throw new PatchError(`${edit.file} does not have exactly once: ${edit.find}`)
        if (!before.has(edit.file)) before.set(edit.file, text)
        after.set(edit.file, changed)
      }
      try {
        for (const [file, text] of after) writeFileSync(join(dir, file), text)
        return await act()
      } finally {
        for (const [file, text] of before) writeFileSync(join(dir, file), text)
      }
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}
