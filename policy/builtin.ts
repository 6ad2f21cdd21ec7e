import { readFileSync } from 'node:fs'
import { parsePolicyYaml } from './yaml.ts'
import type { Policy } from './schema.ts'

export const BUILTIN_NAMES = ['default', 'strict'] as const
export type BuiltinName = (typeof BUILTIN_NAMES)[number]

/** A policy that ships with Sluice, read synchronously: for the start, not for the way of a request. */
export function loadBuiltin(name: BuiltinName): Policy {
  return parsePolicyYaml(builtinText(name), `builtin/${name}.yaml`)
}

/** The same as it is written, comments included. */
export function builtinText(name: BuiltinName): string {
  return readFileSync(new URL(`builtin/${name}.yaml`, import.meta.url), 'utf8')
}
