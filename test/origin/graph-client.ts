import { parseObject } from './json.ts'
import type { JsonObject } from './json.ts'
import { runProgram } from './run-program.ts'

const PROGRAM = new URL('graph-client-program.ts', import.meta.url).pathname

export interface GraphClientResult {
  readonly code: number | null
  /** The item, or `code` and `message` of Graph's error. */
  readonly said: JsonObject
  readonly stderr: string
}

/** Runs the program on Microsoft's Graph package, in a Node that goes through the proxy and trusts one CA beside its own. */
export async function graphClient(
  [how, file, name]: readonly [how: 'put' | 'session' | 'stream' | 'get', file: string, name: string],
  { proxy, caFile }: { readonly proxy: string; readonly caFile: string },
): Promise<GraphClientResult> {
  const env = { PATH: process.env.PATH ?? '', NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: caFile }
  const { code, stdout, stderr } = await runProgram(process.execPath, [PROGRAM, how, file, name], { env })
  return { code, said: parseObject(stdout), stderr }
}
