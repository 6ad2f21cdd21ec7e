import { parseObject } from './json.ts'
import type { JsonObject } from './json.ts'
import { runProgram } from './run-program.ts'

const PROGRAM = new URL('graph-client-program.ts', import.meta.url).pathname

/** What to do with a local file and a name in the drive's folder `up`. */
export type GraphAct = readonly [how: 'put' | 'session' | 'stream' | 'get', file: string, name: string]

/**
 * Does it all, in order, with the program on Microsoft's Graph package, in a Node that goes through the proxy and trusts one
 * CA beside its own. `more`: of its environment. Resolves with what came of each: the item, or `code` and `message` of Graph's error.
 */
export async function graphClient(
  acts: readonly GraphAct[], { proxy, caFile }: { readonly proxy: string; readonly caFile: string },
  more: Readonly<Record<string, string>> = {},
): Promise<readonly JsonObject[]> {
  const env = { PATH: process.env.PATH ?? '', NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: caFile, ...more }
  const { code, stdout, stderr } = await runProgram(process.execPath, [PROGRAM, ...acts.flat()], { env })
  if (code !== 0) throw new Error(`the program ended with ${code}: ${stderr}`)
  return stdout.trim().split('\n').map(parseObject)
}
