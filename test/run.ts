/**
 * The one test command: checks types, runs tap over the test files, prints one line a file, what was skipped by name,
 * and everything a failing file said. Ends with `N passed, N failed`.
 *
 * `*.slow.test.ts` run with `--full` only; file names given as arguments run alone. The contract suite (end to end, security) runs on the
 * relay engine; with `--full` all of it, the slow files too, once more on the pipeline. `--engine=pipeline` runs on that alone.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { ENGINES } from './engine.ts'
import type { Engine } from './engine.ts'

const full = process.argv.includes('--full')
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const files = named.length > 0 ? named : globSync('test/**/*.test.ts').filter((file) => file.endsWith('.slow.test.ts') === full).sort()

const engine = ENGINES.find((name) => process.argv.includes(`--engine=${name}`)) ?? 'relay'

const env = {
  ...process.env,
  // tap's own first line asks for any `node`: it gets the one that runs this.
  PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
  // A hundred files and the processes that they start load the same modules: each is compiled once, by content and Node version.
  NODE_COMPILE_CACHE: resolve('node_modules/.cache/node-compile'),
}
/** Slow files get longer: on a busy machine a thousand edits or uploads of real programs take minutes. */
const timeout = full ? ['--timeout=360'] : []
const totals = { pass: 0, fail: 0, skip: 0 }
const skipped: string[] = []

await buildTap()
const types = await checkTypes('.') && await checkTypes('dashboards/console')
if (types) totals.pass += 1
else totals.fail += 1
/** Of the contract suite, by engine: files and the tests in them. */
const contract = new Map<Engine, { files: number; tests: number }>()
let exitCode = await runTap(files, engine)
if (full && named.length === 0 && engine === 'relay') exitCode = await runTap(globSync('test/{e2e,security}/**/*.test.ts').sort(), 'pipeline') || exitCode
if (exitCode !== 0 && totals.fail === 0) totals.fail += 1

for (const [name, count] of contract) console.log(`contract suite on the ${name} engine: ${count.tests} tests in ${count.files} files`)
for (const name of skipped) console.log(`skipped: ${name}`)
console.log(`${totals.pass} passed, ${totals.fail} failed${totals.skip > 0 ? `, ${totals.skip} skipped` : ''}`)
process.exitCode = totals.fail > 0 ? 1 : 0

/** tap compiles its plugins into itself once; the first run after an install would still use those it was shipped with. */
async function buildTap(): Promise<void> {
  const stamp = 'node_modules/.tap-built'
  if (existsSync(stamp) && statSync(stamp).mtimeMs > statSync('.taprc').mtimeMs) return
  await new Promise<void>((resolve) => {
    spawn('node_modules/.bin/tap', ['build'], { env, stdio: 'ignore' }).on('close', () => resolve())
  })
  writeFileSync(stamp, '')
}

function checkTypes(project: string): Promise<boolean> {
  return new Promise((resolve) => {
    spawn('node_modules/.bin/tsc', ['-p', project], { stdio: ['ignore', 'inherit', 'inherit'] }).on('close', (code) => {
      console.log(`${code === 0 ? 'ok     ' : 'FAILED '} types of ${project}`)
      resolve(code === 0)
    })
  })
}

/** Runs tap and reads its TAP: top-level lines are files, `# {…}` at the end holds the counts of assertions. */
function runTap(testFiles: readonly string[], on: Engine): Promise<number> {
  const child = spawn('node_modules/.bin/tap', ['run', '--reporter=tap', ...timeout, ...testFiles],
    { env: { ...env, TEST_ENGINE: on }, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  let said: string[] = []
  let tests = 0
  lines.on('line', (line) => {
    const closed = /^(not )?ok \d+ - (\S+\.test\.ts)(?: # (?:time=(\S+)|SKIP\b.*))?/.exec(line)
    const counts = /^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?(?:, skip: (\d+))?(?:, todo: (\d+))? \}/.exec(line)
    const skip = /^\s*ok \d+ - (.*?) # SKIP ?(.*)$/.exec(line)
    if (/^ {4}(?:not )?ok \d+ /.test(line)) tests += 1
    if (skip !== null) skipped.push(`${skip[1] ?? ''}${skip[2] === '' ? '' : ` (${skip[2] ?? ''})`}`)
    if (closed !== null) {
      if (/^test\/(?:e2e|security)\//.test(closed[2] ?? '')) {
        const before = contract.get(on) ?? { files: 0, tests: 0 }
        contract.set(on, { files: before.files + 1, tests: before.tests + tests })
      }
      tests = 0
      if (closed[1] !== undefined) for (const old of [...said, line]) console.log(old)
      console.log(`${closed[1] === undefined ? 'ok     ' : 'FAILED '} ${closed[2] ?? ''} ${closed[3] ?? ''}`)
      said = []
    } else if (counts !== null) {
      totals.pass += Number(counts[1] ?? 0)
      totals.fail += Number(counts[2] ?? 0)
      totals.skip += Number(counts[3] ?? 0)
    } else said.push(line)
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      if (said.some((line) => line.startsWith('Bail out') || line.startsWith('not ok'))) for (const line of said) console.log(line)
      resolve(code ?? 1)
    })
  })
}
