import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Option } from 'commander'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { formatPasswordHash, MAX_LN, MIN_LN } from '../../policy/people/password-hash.ts'
import type { Io } from './context.ts'

const COSTS = Array.from({ length: MAX_LN - MIN_LN + 1 }, (_, i) => String(MIN_LN + i))

export function addUser(program: Command, io: Io): void {
  const user = program.command('user').description('users of the directory file (people.file)')

  user.command('hash').description('reads a password from stdin, one line, and prints the hash of it for the directory file')
    .addOption(new Option('--cost <ln>', 'of each check: 2^ln steps').choices(COSTS).default(String(MIN_LN)))
    .action(async ({ cost }: { cost: string }) => {
      const password = await readPassword(io)
      const { isUsable } = await import('../people/basic.ts')
      if (!isUsable(password)) {
        throw new SluiceError('usage', 'The password is empty, longer than 1,024 bytes or has control characters', 'Give one line with another')
      }
      const { hashPassword } = await import('../people/password.ts')
      io.out(`${formatPasswordHash(await hashPassword(password, Number(cost)))}\n`)
    })
}

/** At a terminal the password is asked for and not shown. */
async function readPassword({ err, input = process.stdin }: Io): Promise<string> {
  const isTerminal = input === process.stdin && process.stdin.isTTY
  if (isTerminal) err('Password: ')
  const silent = new Writable({ write: (_chunk, _encoding, done) => { done() } })
  const lines = createInterface({ input, output: silent, terminal: isTerminal })
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
    if (isTerminal) err('\n')
  }
}
