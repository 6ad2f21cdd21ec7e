import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { parsePolicy } from '../policy.ts'
import type { Policy } from '../policy.ts'
import type { Tenant } from '../operation.ts'
import { NO_CONTROLS, parseControls } from './controls-record.ts'
import type { Log } from './log.ts'
import { readIfThere, replaceFile } from './files.ts'
import { corrupt, parseJson, parseTenantsFile, tenantsBytes } from './records.ts'
import type { Controls } from './store.ts'

/** The last good state of a store, for a start without it. */
export interface SavedSnapshot {
  readonly savedAt: number
  readonly revision: number
  readonly policy: Policy
  readonly tenants: readonly Tenant[]
  readonly tenantsVersion: number
  readonly controls: Controls
}

const FORMAT = 1
const check = Compile(Type.Object({
  format: Type.Literal(FORMAT),
  savedAt: Type.Number({ minimum: 0 }),
  revision: Type.Integer({ minimum: 1 }),
  policy: Type.Unknown(),
  tenants: Type.Array(Type.Unknown()),
  tenantsVersion: Type.Integer({ minimum: 0 }),
  // Earlier versions saved none.
  controls: Type.Optional(Type.Unknown()),
}))

/** Replaces the file whole, mode 0600, and makes its directory. A failure is only logged: nothing hangs on it now. */
export async function save(path: string, { tenants, ...rest }: SavedSnapshot, log: Log): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const head = JSON.stringify({ format: FORMAT, ...rest }).slice(0, -1)
    await replaceFile(path, Buffer.concat([Buffer.from(`${head}, "tenants": `), await tenantsBytes(tenants), Buffer.from('}\n')]))
  } catch (error) {
    log('warn', `The snapshot ${path} could not be saved: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Null when there is none, and, logged as an error, when what is there cannot be used. */
export async function readSaved(path: string, log: Log): Promise<SavedSnapshot | null> {
  try {
    const text = await readIfThere(path)
    return text === null ? null : await parse(parseJson(text, path), path)
  } catch (error) {
    log('error', `The snapshot ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

async function parse(value: unknown, path: string): Promise<SavedSnapshot> {
  if (!check.Check(value)) throw corrupt(path, 'it is not a snapshot of this version')
  const { savedAt, revision, tenantsVersion } = value
  const { tenants } = await parseTenantsFile({ version: 1, tenants: value.tenants }, path)
  const controls = value.controls === undefined ? NO_CONTROLS : parseControls(value.controls, path)
  return { savedAt, revision, policy: parsePolicy(value.policy), tenants, tenantsVersion, controls }
}
