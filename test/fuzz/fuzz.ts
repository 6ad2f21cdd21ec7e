/**
 * The command: `npm run bench:fuzz -- [--seconds N] [--seed N] [--first] [--keep] [--out DIR] [target …]`. Fuzzes each target and
 * prints a line about it; exits 1 when an input broke a promise, crashed, hung, or memory grew.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Failure } from './loop.ts'
import { asLine, writeInputs } from './seeds.ts'
import { watch } from './watch.ts'

const TARGETS = new URL('targets/', import.meta.url)
const MIB = 1 << 20
const SHOWN = { inputs: 8, characters: 4000 }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string' },
    first: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    out: { type: 'string', default: fileURLToPath(new URL('../../data/fuzz', import.meta.url)) },
    /** Another folder of targets: the tests of the loop have their own. */
    targets: { type: 'string' },
  },
})
const folder = values.targets === undefined ? TARGETS : new URL(`${values.targets}/`, `file://${process.cwd()}/`)
const known = readdirSync(folder).filter(file => file.endsWith('.ts')).map(file => file.slice(0, -3)).sort()
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Math.trunc(performance.timeOrigin) % 2 ** 31 : Number(values.seed)
const unknown = positionals.find(name => !known.includes(name))
if (unknown !== undefined) refuse(`${unknown} is no target; use some of: ${known.join(', ')}`)
if (!(seconds > 0) || !Number.isSafeInteger(seed)) refuse('--seconds and --seed take numbers')

console.log(`seed ${seed}, ${seconds} s a target; finds go to ${values.out}\n`)
console.log(['target'.padEnd(16), ...['inputs', 'a second', 'corpus', 'finds', 'reached', 'of', 'slowest ms', 'grew MiB'].map(text => text.padStart(10))].join(' '))
for (const name of positionals.length > 0 ? positionals : known) {
  const started = performance.now()
  const watched = await watch({ url: new URL(`${name}.ts`, folder).href, seed, seconds, first: values.first, out: values.out, keep: values.keep })
  const took = (performance.now() - started) / 1000
  if (watched.is === 'ended') {
    tell(name, [watched.failure])
    continue
  }
  const { inputs, corpus, finds, reached, known: of, slowest, growth, mayGrow, failures, summary, kept } = watched.report
  const cells = [inputs, Math.round(inputs / took), corpus, finds, reached, of, Math.round(slowest), (growth / MIB).toFixed(1)]
  console.log([name.padEnd(16), ...cells.map(cell => String(cell).padStart(10))].join(' ') + (kept === undefined ? '' : `  ${kept} seeds kept`))
  if (summary !== undefined) console.log(`  ${summary}`)
  tell(name, [...failures, ...growth > mayGrow ? [{ inputs: [], message: `growth: ${(growth / MIB).toFixed(1)} MiB` }] : []])
}
process.exit()

/** Prints what failed and writes the inputs, as seeds are written, to where they can be run again from. */
function tell(name: string, failures: readonly Failure[]): void {
  failures.forEach(({ inputs, message }, i) => {
    process.exitCode = 1
    const file = join(values.out, name, `failure-${i + 1}.jsonl`)
    writeInputs(file, inputs)
    writeFileSync(file.replace('.jsonl', '.txt'), `seed ${seed}\n${message}\n`)
    console.log(`FAILED ${name}: ${message}\n  inputs: ${file}`)
    // Who reads this in a log of last night's tests has the directory no more.
    for (const bytes of inputs.slice(0, SHOWN.inputs)) console.log(`  ${asLine(bytes).slice(0, SHOWN.characters)}`)
  })
}

function refuse(why: string): never {
  console.error(`bench:fuzz: ${why}`)
  process.exit(2)
}
