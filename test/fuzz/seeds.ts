/** The seeds that are kept: one file a target, one input a line, as a JSON string of Latin-1 characters, so that people can read them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Bytes of seeds that are kept of one target. */
export const MAX_SEEDS = 200 * 1024

export function seedFile(name: string): string {
  return join(fileURLToPath(new URL('seeds/', import.meta.url)), `${name}.jsonl`)
}

/** Inputs that broke a promise once: no run takes them away. */
export function foundFile(name: string): string {
  return seedFile(`${name}.found`)
}

/** What a run begins with. */
export function readSeeds(name: string): Buffer[] {
  return [...readInputs(foundFile(name)), ...readInputs(seedFile(name))]
}

/** The inputs of a file; none where it is not there. */
export function readInputs(file: string): Buffer[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').filter(line => line !== '').map((line) => {
    const text: unknown = JSON.parse(line)
    if (typeof text !== 'string') throw new TypeError(`${file}: a line is no JSON string`)
    return Buffer.from(text, 'latin1')
  })
}

export function writeInputs(file: string, inputs: readonly Buffer[]): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, inputs.map(bytes => `${asLine(bytes)}\n`).join(''))
}

/** All in printable ASCII, so that no editor or diff changes what it means. */
export function asLine(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1')).replace(/[\u007f-\u00ff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
