/**
 * `npm run security`: runs the tests that the checklist names and prints each requirement with its source, its tests and the
 * result. Exits 1 when a named test fails or is not there; requirements that nothing shows are told as missing.
 */
import { spawn } from 'node:child_process'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { CHECKLIST } from './checklist.ts'
import type { Requirement } from './checklist.ts'
import { readTap } from './read-tap.ts'
import type { Ending } from './read-tap.ts'

const env = {
  ...process.env,
  // tap's own first line asks for any `node`: it gets the one that runs this.
  PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
  NODE_COMPILE_CACHE: resolve('node_modules/.cache/node-compile'),
}

type Result = 'shown' | 'missing' | 'skipped' | 'failed'

const files = [...new Set(CHECKLIST.flatMap(({ tests }) => tests.map(({ file }) => file)))].sort()
console.error(`Runs ${files.length} files, which takes a few minutes.`)
const endings = readTap(await runTap(files))
const counts: Record<Result, number> = { shown: 0, missing: 0, skipped: 0, failed: 0 }

console.log(row('id', 'requirement', 'source', 'test', 'result'))
console.log(row('---', '---', '---', '---', '---'))
for (const requirement of CHECKLIST) {
  const result = resultOf(requirement)
  counts[result] += 1
  const tests = requirement.tests.map(({ file, name }) => `${file.replace(/^test\//, '')}: ${name}${told(endings.get(file)?.get(name))}`)
  const note = requirement.note === undefined ? '' : ` (${requirement.note})`
  console.log(row(requirement.id, requirement.requirement, requirement.source, tests.join('<br>'), `${result}${note}`))
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`\n${counts.shown} shown, ${counts.missing} missing, ${counts.failed} failed${skipped}`)
process.exitCode = counts.failed > 0 ? 1 : 0

function resultOf({ tests }: Requirement): Result {
  if (tests.length === 0) return 'missing'
  const found = tests.map(({ file, name }) => endings.get(file)?.get(name) ?? 'failed')
  return found.includes('failed') ? 'failed' : found.includes('skipped') ? 'skipped' : 'shown'
}

/** What is said beside a test that did not pass. */
function told(ending: Ending | undefined): string {
  if (ending === undefined) return ' [did not run]'
  return ending === 'ok' ? '' : ` [${ending}]`
}

/** A row of a table in Markdown. */
function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
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
