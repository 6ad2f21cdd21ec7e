import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import type { AuditEntry, AuditHead } from '../../policy/store/store.ts'
import { configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

/** How many entries are read at once. */
const PAGE = 1_000

export function addAudit(program: Command, io: Io): void {
  const audit = program.command('audit').description('the log of who changed what, in the configured store')

  audit.command('verify').description('walks the whole log and names the first entry that was changed, moved or taken away')
    .option('--head <seq:hash>', 'a head that was printed earlier and kept elsewhere: proves that the log was neither cut nor made anew')
    .action(async (flags: { head?: string }, command: Command) => {
      const noted = flags.head === undefined ? undefined : await headOf(flags.head)
      const { verifyAudit } = await import('../../policy/store/audit-verify.ts')
      const { headText } = await import('../../policy/store/audit-entry.ts')
      const { entries, head, fault } = await withStore(await configOf(command, io), store => verifyAudit(store, noted))
      if (fault !== null) {
        throw new SluiceError('audit.broken', `The audit log is broken: ${fault}`,
          'Look for who could write the store, and compare with a backup (sluice restore keeps the log of it)')
      }
      io.out(`${entries} ${entries === 1 ? 'entry' : 'entries'}, chain intact${head === null ? '' : `, head ${headText(head)}`}\n`)
    })

  audit.command('list').description('one a line, oldest first: number, when, who, from where, what, of what, details as JSON; separated by tabs')
    .option('--from <seq>', 'the number of the first', numberOf, 1)
    .option('--limit <count>', 'how many at most (default: all)', numberOf)
    .action(async (flags: { from: number; limit?: number }, command: Command) => {
      await withStore(await configOf(command, io), async store => {
        for (let [from, left] = [flags.from, flags.limit ?? Infinity]; left > 0;) {
          const page = await store.audit({ from, limit: Math.min(left, PAGE) })
          if (page.length === 0) return
          io.out(page.map(lineOf).join(''))
          from = (page.at(-1)?.seq ?? from) + 1
          left -= page.length
        }
      })
    })
}

async function headOf(text: string): Promise<AuditHead> {
  const { parseHead } = await import('../../policy/store/audit-entry.ts')
  const head = parseHead(text)
  if (head !== undefined) return head
  throw new SluiceError('usage', `${JSON.stringify(text.slice(0, 100))} is no head`, 'Write it as sluice audit verify prints it: a number, a colon and 64 hex digits')
}

function numberOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is no number from 1.')
}

function lineOf({ seq, at, author, from, action, subject, detail }: AuditEntry): string {
  const texts = [at, author, from, action, subject].map(shown)
  return `${[seq, ...texts, detail === undefined ? '' : shown(JSON.stringify(detail))].join('\t')}\n`
}

/** One line for a terminal, whatever a label or a name holds. */
function shown(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
