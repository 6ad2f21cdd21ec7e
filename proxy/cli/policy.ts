import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import type { Policy } from '../../policy/policy.ts'
import { readText } from '../read-text.ts'
import { configOf, withStore } from './context.ts'
import type { Io } from './context.ts'

export function addPolicy(program: Command, io: Io): void {
  const policy = program.command('policy').description('the rules, in the configured store')

  policy.command('get').description('prints the stored policy as YAML')
    .action(async (_: unknown, command: Command) => {
      const stored = await withStore(await configOf(command, io), async store => (await store.load()).policy)
      if (stored === null) {
        throw new SluiceError('policy.unreadable', 'No policy is stored yet', 'Start Sluice once, or run sluice policy put FILE')
      }
      const { toYaml } = await import('../../policy/policy.ts')
      io.out(`# revision ${stored.revision}, ${stored.at}, by ${stored.author}\n${toYaml(stored.policy)}`)
    })

  policy.command('put').description('stores a new revision; running processes follow within a second')
    .argument('<file>', 'YAML; - for stdin')
    .option('--comment <text>', 'kept with the revision')
    .action(async (file: string, flags: { comment?: string }, command: Command) => {
      const document = await readPolicy(file)
      const author = io.env.USER === undefined ? 'cli' : `cli:${io.env.USER}`
      const stored = await withStore(await configOf(command, io), async store => {
        const expected = (await store.load()).policy?.revision ?? 0
        return store.putPolicy(document, { expected, author, ...flags.comment !== undefined && { comment: flags.comment } })
      })
      io.out(`revision ${stored.revision}\n`)
    })

  policy.command('validate').description('reads a policy and says what is wrong with it; needs no store')
    .argument('<file>', 'YAML; - for stdin')
    .action(async (file: string) => {
      const policy = await readPolicy(file)
      const { analyse } = await import('../../policy/analyse.ts')
      const { length } = policy.rules
      io.out(`${file} is valid: ${length} ${length === 1 ? 'rule' : 'rules'}\n`)
      for (const { message, remedy } of analyse(policy, null)) io.out(`warning: ${message} ${remedy}\n`)
    })
}

async function readPolicy(file: string): Promise<Policy> {
  const { parsePolicyYaml } = await import('../../policy/policy.ts')
  return file === '-' ? parsePolicyYaml(await text(process.stdin), 'stdin') : parsePolicyYaml(readText(file, 'the policy'), file)
}
