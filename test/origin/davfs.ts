import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProgramResult } from './run-program.ts'
import { runTrusting } from './trusted-by-system.ts'

export interface DavfsOptions {
  /** `http://127.0.0.1:port` of the proxy. */
  readonly proxy: string
  readonly caFile: string
}

const MOUNT = '/mnt/dav'

/** Its cache and the place of the mount are of the namespace. `umount` waits until all is sent, or given up. */
const SCRIPT = `
set -e
mount -t tmpfs -o mode=1777 cache /var/cache/davfs2
mount -t tmpfs -o mode=755 mnt /mnt
mkdir ${MOUNT}
mount.davfs -o conf="$HOME/davfs2.conf" "$1" ${MOUNT}
command="$2"
shift 2
sh -c "$command" sh ${MOUNT} "$@"
umount ${MOUNT}
`

/** Why no WebDAV folder can be mounted, or false when it can. */
export function noDavfs(): string | false {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  if (spawnSync('mount.davfs', ['--version'], { env }).error !== undefined) return 'davfs2 is not installed (Debian: apt-get install davfs2)'
  return spawnSync('test', ['-w', '/dev/fuse'], { env }).status === 0 ? false : 'there is no /dev/fuse'
}

/**
 * Mounts a folder of a WebDAV server with davfs2, runs a shell command with the mount as `$1` and `args` after it, and
 * unmounts. All of it lives in namespaces of its own, and ends with them.
 */
export async function davfs(url: string, command: string, args: readonly string[], options: DavfsOptions): Promise<ProgramResult> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-davfs-'))
  try {
    await writeFile(join(home, 'secrets'), `${url} fay FAKE-password\n`, { mode: 0o600 })
    await writeFile(join(home, 'davfs2.conf'), `secrets ${join(home, 'secrets')}\nask_auth 0\ndelay_upload 0\n`, { mode: 0o600 })
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, LANG: 'C.UTF-8', http_proxy: options.proxy, https_proxy: options.proxy }
    const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc']
    return await runTrusting(options.caFile, 'unshare', [...namespace, 'sh', '-c', SCRIPT, 'sh', url, command, ...args], { env })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
