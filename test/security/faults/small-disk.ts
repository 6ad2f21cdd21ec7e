/** A disk of a few kilobytes, mounted for one test. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PAGE = 4096

export interface SmallDisk {
  readonly dir: string
  /** Leaves no room at all. */
  fill(): Promise<void>
  /** Gives so many pages of 4 KiB back. */
  free(pages: number): Promise<void>
  /** Gives all of it back. */
  clear(): Promise<void>
  close(): void
}

/** Why there is none, for tap's `skip`. */
export function noSmallDisk(): string | false {
  const disk = mount()
  disk?.close()
  return disk === null ? 'file systems cannot be mounted here (root is needed)' : false
}

export function startSmallDisk(): SmallDisk {
  const disk = mount()
  if (disk === null) throw new Error('file systems cannot be mounted here')
  return disk
}

function mount(): SmallDisk | null {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'sluice-test', dir], { stdio: 'ignore' })
  if (status !== 0) {
    rmSync(dir, { recursive: true, force: true })
    return null
  }
  const fillers: string[] = []
  let made = 0
  return {
    dir,
    async fill() {
      for (;;) {
        const path = join(dir, `filler-${++made}`)
        try {
          const file = await open(path, 'wx')
          fillers.push(path)
          try {
            await file.writeFile(Buffer.alloc(PAGE))
          } finally {
            await file.close()
          }
        } catch {
          return
        }
      }
    },
    async free(pages) {
      for (const path of fillers.splice(0, pages)) await rm(path, { force: true })
    },
    async clear() {
      for (const path of fillers.splice(0)) await rm(path, { force: true })
    },
    close() {
      spawnSync('umount', ['-l', dir], { stdio: 'ignore' })
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
