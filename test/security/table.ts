/**
 * `npm run security`: runs the tests that the checklist names and prints each requirement with its source, its tests and the
 * result. Exits 1 when a named test fails or is not there; requirements that nothing shows are told as missing.
 *
 * `-- --mutate [id…]`: runs them in a scratch copy, once as it is and once more without each defence, where they must fail;
 * `--jobs=N` requirements at a time. Exits 1 also when a test is not seen to fail.
 */
import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { CHECKLIST } from './checklist.ts'
import type { NamedTest, Requirement } from './checklist.ts'
import { HELD, MUTATIONS, UNBREAKABLE } from './mutations/index.ts'
import { readTap } from './read-tap.ts'
import type { NamedEnding } from './run-named.ts'
import { isFailure, seeFail } from './see-fail.ts'
import type { Seen } from './see-fail.ts'

const env = {
  ...process.env,
  // tap's own first line asks for any `node`: it gets the one that runs this.
  PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
  NODE_COMPILE_CACHE: resolve('node_modules/.cache/node-compile'),
}

type Result = 'shown' | 'missing' | 'skipped' | 'failed'
type EndingOf = (test: NamedTest) => NamedEnding

const { values, positionals } = parseArgs({
  allowPositionals: true, options: { mutate: { type: 'boolean', default: false }, jobs: { type: 'string', default: '1' } },
})
const unknown = positionals.filter(id => !CHECKLIST.some(requirement => requirement.id === id))
if (unknown.length > 0) throw new Error(`the checklist has no ${unknown.join(', ')}`)
const chosen = positionals.length === 0 ? CHECKLIST : CHECKLIST.filter(({ id }) => positionals.includes(id))
if (values.mutate) await printMutated(chosen, Math.max(1, Number.parseInt(values.jobs, 10) || 1))
else await printPlain(chosen)

async function printPlain(requirements: readonly Requirement[]): Promise<void> {
  const files = [...new Set(requirements.flatMap(({ tests }) => tests.map(({ file }) => file)))].sort()
  console.error(`Runs ${files.length} files, which takes a few minutes.`)
  const endings = files.length === 0 ? new Map() : readTap(await runTap(files))
  const endingOf: EndingOf = ({ file, name }) => endings.get(file)?.get(name) ?? 'absent'
  console.log(row('id', 'requirement', 'source', 'test', 'result'))
  console.log(row('---', '---', '---', '---', '---'))
  for (const requirement of requirements) console.log(row(...cells(requirement, endingOf)))
  const results = requirements.map(requirement => resultOf(requirement, endingOf))
  console.log(`\n${summary(results)}`)
  process.exitCode = results.includes('failed') ? 1 : 0
}

async function printMutated(requirements: readonly Requirement[], jobs: number): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`ended by ${name}`)))
  const seen = await seeFail(process.cwd(), requirements.filter(({ tests }) => tests.length > 0), MUTATIONS, jobs, stop.signal, (id, { isSeen, passed }, ms) => {
    console.error(`${isSeen ? 'fails without ' : UNBREAKABLE[id] === undefined ? 'NOT SEEN      ' : 'not tried     '} ${id} ${Math.round(ms / 1_000)} s${passed.map(name => `\n  passes without it: ${name}`).join('')}`)
  })
  console.log(row('id', 'requirement', 'source', 'test', 'result', 'without its defence'))
  console.log(row('---', '---', '---', '---', '---', '---'))
  const results: Result[] = []
  let breakable = 0
  let seenToFail = 0
  for (const requirement of requirements) {
    const { id, tests } = requirement
    const found = seen.get(id)
    const endingOf: EndingOf = test => found?.tests.find(({ file, name }) => file === test.file && name === test.name)?.plain ?? 'absent'
    results.push(resultOf(requirement, endingOf))
    if (tests.length > 0 && UNBREAKABLE[id] === undefined) {
      breakable += 1
      if (found?.isSeen === true) seenToFail += 1
    }
    console.log(row(...cells(requirement, endingOf), mutatedCell(requirement, found)))
  }
  console.log(`\n${summary(results)}; ${seenToFail} of ${breakable} seen to fail without their defence`)
  process.exitCode = results.includes('failed') || seenToFail < breakable ? 1 : 0
}

function mutatedCell({ id, tests }: Requirement, seen: Seen | undefined): string {
  if (tests.length === 0 || seen === undefined) return ''
  const reason = UNBREAKABLE[id]
  if (reason !== undefined) return reason
  if (!MUTATIONS.some(mutation => mutation.id === id)) return 'no patch yet'
  const failed = seen.tests.filter(({ mutated }) => isFailure(mutated)).length
  const others = seen.tests.filter(({ mutated }) => !isFailure(mutated)).map(({ name, mutated }) => `${name} [${HELD[name] ?? (mutated === 'ok' ? 'passes' : mutated === 'absent' ? 'not tried' : mutated)}]`)
  const unfinished = seen.tests.some(({ mutated }) => mutated === 'unfinished') ? ', not always to its end' : ''
  return [`${seen.isSeen ? 'seen to fail' : 'not seen to fail'}: ${failed} of ${seen.tests.length}${unfinished}`, ...others].join('<br>')
}

function cells(requirement: Requirement, endingOf: EndingOf): readonly string[] {
  const tests = requirement.tests.map(test => `${test.file.replace(/^test\//, '')}: ${test.name}${told(endingOf(test))}`)
  const note = requirement.note === undefined ? '' : ` (${requirement.note})`
  return [requirement.id, requirement.requirement, requirement.source, tests.join('<br>'), `${resultOf(requirement, endingOf)}${note}`]
}

function resultOf({ tests }: Requirement, endingOf: EndingOf): Result {
  if (tests.length === 0) return 'missing'
  const found = tests.map(endingOf)
  return found.every(ending => ending === 'ok') ? 'shown' : found.every(ending => ending === 'ok' || ending === 'skipped') ? 'skipped' : 'failed'
}

function summary(results: readonly Result[]): string {
  const count = (result: Result): number => results.filter(one => one === result).length
  const skipped = count('skipped') > 0 ? `, ${count('skipped')} skipped` : ''
  return `${count('shown')} shown, ${count('missing')} missing, ${count('failed')} failed${skipped}`
}

/** What is said beside a test that did not pass. */
function told(ending: NamedEnding): string {
  return ending === 'ok' ? '' : ` [${ending === 'absent' ? 'did not run' : ending}]`
}

/** A row of a table in Markdown. */
function row(...columns: readonly string[]): string {
  return `| ${columns.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** Every line of tap's TAP over the files; progress goes to the error output. */
async function runTap(testFiles: readonly string[]): Promise<string[]> {
  const child = spawn('node_modules/.bin/tap', ['run', '--reporter=tap', '--timeout=360', ...testFiles], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    const closed = /^(not )?ok \d+ - (\S+\.test\.ts)/.exec(line)
    if (closed !== null) console.error(`${closed[1] === undefined ? 'ok     ' : 'FAILED '} ${closed[2] ?? ''}`)
  }
  return lines
}
