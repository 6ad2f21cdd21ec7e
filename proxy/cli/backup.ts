import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import type { Backup } from '../../policy/store/backup.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

export function addBackup(program: Command, io: Io): void {
  program.command('backup').description('writes all revisions, tenants, token hashes, exceptions and the audit log into one file, for its owner only')
    .argument('<file>', 'replaced whole where there is one')
    .action(async (file: string, _: unknown, command: Command) => {
      const { backupBytes, readBackup } = await import('../../policy/store/backup.ts')
      const { replaceFile } = await import('../../policy/store/files.ts')
      const backup = await withStore(await configOf(command, io), readBackup)
      await replaceFile(file, await backupBytes(backup)).catch((error: unknown) => unwritable(file, error))
      io.out(`${file}: ${await told(backup)}\n`)
    })

  program.command('restore').description('puts a backup into an empty store of either kind; running processes follow within a second')
    .argument('<file>', 'as sluice backup has written it')
    .option('--replace', 'in place of what the store holds; the policy becomes a new revision above all others')
    .action(async (file: string, flags: { replace?: boolean }, command: Command) => {
      const { parseBackup } = await import('../../policy/store/backup.ts')
      const { planRestoration } = await import('../../policy/store/restoration.ts')
      const backup = await parseBackup(await readFile(file).catch((error: unknown) => unreadable(file, error)), file)
      const revision = await withStore(await configOf(command, io), async store => {
        const restoration = await planRestoration(store, backup, byOf(io), flags.replace === true)
        await store.restore(restoration)
        return restoration.revisions.at(-1)?.revision
      })
      const current = revision === undefined ? 'no policy' : `revision ${revision} decides`
      io.out(`Restored ${file}: ${await told(backup)}; ${current}\n`)
    })
}

async function told({ revisions, tenants, tokens, audit }: Backup): Promise<string> {
  const { headText } = await import('../../policy/store/audit-entry.ts')
  const end = audit.at(-1)
  return `${revisions.length} revisions, ${tenants.length} tenants, ${tokens.length} tokens, ${audit.length} audit entries` +
    (end === undefined ? '' : `, head ${headText(end)}`)
}

function unwritable(file: string, error: unknown): never {
  throw new SluiceError('backup.unwritable', `${file} cannot be written: ${whyOf(error)}`, 'Name a file in a directory that may be written', { cause: error })
}

function unreadable(file: string, error: unknown): never {
  throw new SluiceError('backup.unreadable', `${file} cannot be read: ${whyOf(error)}`, 'Name a file that sluice backup has written', { cause: error })
}

function whyOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)
}
