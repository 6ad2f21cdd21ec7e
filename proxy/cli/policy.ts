import { text } from 'node:stream/consumers'
import { Option } from 'commander'
import type { Command } from 'commander'
import { SluiceError } from '../../policy/errors.ts'
import { MOMENT } from '../../policy/moment.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Against } from '../../policy/simulate.ts'
import type { Config } from '../config.ts'
import { readWhole } from '../read-text.ts'
import { byOf, configOf, withStore } from './context.ts'
import type { Io } from './context.ts'
import type { SimulateFlags } from './simulate.ts'

export function addPolicy(program: Command, io: Io): void {
  const policy = program.command('policy').description('the rules, in the configured store')

  policy.command('get').description('prints the stored policy as YAML, as it was written')
    .action(async (_: unknown, command: Command) => {
      const stored = await storedPolicy(await configOf(command, io))
      const { toYaml } = await import('../../policy/policy.ts')
      const { headOf } = await import('../../policy/source-head.ts')
      io.out(headOf(stored) + (stored.source ?? toYaml(stored.policy)))
    })

  policy.command('put').description('stores a new revision; running processes follow within a second')
    .argument('<file>', 'YAML; - for stdin')
    .option('--comment <text>', 'kept with the revision')
    .action(async (file: string, flags: { comment?: string }, command: Command) => {
      const { policy: document, source } = await readPolicy(file)
      const { putPolicy } = await import('../../policy/store/put-policy.ts')
      const stored = await withStore(await configOf(command, io), async store => {
        const expected = (await store.load()).policy?.revision ?? 0
        return putPolicy(store, document, { ...byOf(io), expected, source, ...flags.comment !== undefined && { comment: flags.comment } })
      })
      io.out(`revision ${stored.revision}\n`)
    })

  policy.command('validate').description('reads a policy and says what is wrong with it; needs no store')
    .argument('<file>', 'YAML; - for stdin')
    .action(async (file: string) => {
      const { policy } = await readPolicy(file)
      const { analyse } = await import('../../policy/analyse.ts')
      const { length } = policy.rules
      io.out(`${file} is valid: ${length} ${length === 1 ? 'rule' : 'rules'}\n`)
      for (const { message, remedy } of analyse(policy, null)) io.out(`warning: ${message} ${remedy}\n`)
    })

  policy.command('diff').description('what a file would change in the stored policy, rule by rule; exits 1 when they differ')
    .argument('<file>', 'YAML; - for stdin')
    .action(async (file: string, _: unknown, command: Command) => {
      const { policy: document } = await readPolicy(file)
      const stored = await storedPolicy(await configOf(command, io))
      const { describeDifferences } = await import('./policy-diff.ts')
      const { count, text } = describeDifferences(stored.policy, document)
      io.out(count === 0 ? `${file} means the same as revision ${stored.revision}\n` : text)
      if (count > 0) {
        const points = count === 1 ? 'one point' : `${count} points`
        throw new SluiceError('policy.differs', `${file} and revision ${stored.revision} differ in ${points}`,
          `Run sluice policy put ${file} to store the file`)
      }
    })

  policy.command('simulate').description('what a file would have decided otherwise on the events that were recorded')
    .argument('<file>', 'YAML; - for stdin')
    .option('--events <files...>', 'event files, those with the newest events last (default: all of the first file sink)')
    .option('--since <time>', `only events from then on: ${MOMENT}`)
    .option('--until <time>', 'only events before then')
    .option('--limit <count>', 'at most so many events, the newest first')
    .addOption(new Option('--against <what>', 'what is compared: current (what the stored policy decides on the same facts) or recorded (what was decided)')
      .choices(['current', 'recorded'] satisfies Against[]).default('current'))
    .option('--json', 'the result as JSON')
    .action(async (file: string, flags: SimulateFlags, command: Command) => {
      const { policy: draft } = await readPolicy(file)
      const config = await configOf(command, io)
      const current = flags.against === 'current' ? (await storedPolicy(config)).policy : draft
      const { simulate } = await import('./simulate.ts')
      await simulate(draft, current, flags, config, io)
    })

  policy.command('test').description('runs example requests and compares what is decided with what they expect; ' +
    'exits 1 when one differs. Only the policy, the files and the configuration count: the allowlist is the one that a file names')
    .usage('<policy-file|--stored> <cases-file...>')
    .argument('<files...>', 'the policy (YAML; - for stdin), unless it is the stored one, then files of cases')
    .option('--stored', 'the policy of the configured store')
    .action(async (files: readonly string[], flags: { stored?: true }, command: Command) => {
      const cases = flags.stored ? files : files.slice(1)
      if (cases.length === 0) throw new SluiceError('usage', 'No file of cases is named', 'See sluice policy test --help')
      const config = await configOf(command, io)
      const { policy, revision } = flags.stored ? await storedPolicy(config) : { ...await readPolicy(files[0] ?? '-'), revision: 0 }
      const { testPolicy } = await import('./policy-test.ts')
      const { passed, failed } = await testPolicy(policy, revision, cases, config, io.out)
      io.out(`${passed} passed, ${failed} failed\n`)
      if (failed > 0) {
        throw new SluiceError('cases.failed', `${failed} of ${passed + failed} cases did not come out as expected`,
          'Correct the policy or the case')
      }
    })
}

async function storedPolicy(config: Config) {
  const stored = await withStore(config, async store => (await store.load()).policy)
  if (stored !== null) return stored
  throw new SluiceError('policy.unreadable', 'No policy is stored yet', 'Start Sluice once, or run sluice policy put FILE')
}

/** The policy, and how it was written. */
async function readPolicy(file: string): Promise<{ readonly policy: Policy; readonly source: string }> {
  const { parsePolicyYaml } = await import('../../policy/policy.ts')
  const source = file === '-' ? await text(process.stdin) : readWhole(file, 'the policy')
  return { policy: parsePolicyYaml(source, file === '-' ? 'stdin' : file), source }
}
