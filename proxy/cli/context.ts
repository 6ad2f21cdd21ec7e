import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { By, Store } from '../../policy/store/store.ts'
import type { Config } from '../config.ts'

/** What the verbs get from outside, so that a test can run them in its own process. */
export interface Io {
  readonly env: NodeJS.ProcessEnv
  /** stdout: what was asked for. */
  readonly out: (text: string) => void
  /** stderr: everything else. */
  readonly err: (text: string) => void
  /** What is read; left out: stdin. */
  readonly input?: NodeJS.ReadableStream
}

export const DEFAULT_FILE = 'sluice.yaml'

/** Global flags that stand for a key of the configuration. */
const FLAGS: readonly (readonly [flags: string, option: string, path: string, description: string])[] = [
  ['--listen <address>', 'listen', 'proxy.listen', 'where the proxy listens: host:port, several comma-separated'],
  ['--clients <networks>', 'clients', 'proxy.clients', 'networks that may use the proxy, comma-separated'],
  ['--public-url <url>', 'publicUrl', 'proxy.publicUrl', 'the proxy address that PAC gives out'],
  ['--admin-listen <address>', 'adminListen', 'admin.listen', 'where the admin API listens: host:port'],
  ['--store <url>', 'store', 'store.url', 'where policy and tenants are kept'],
  ['--parent <url>', 'parent', 'upstream.parent', 'a proxy further up'],
  ['--ca-dir <directory>', 'caDir', 'certs.dir', 'where the certificate authority is kept'],
  ['--pac <which>', 'pac', 'pac', 'what the PAC file sends here: all or providers'],
]

export function addGlobalOptions(program: Command): void {
  program.option('--config <file>', `configuration file (default: ${DEFAULT_FILE} where there is one)`)
  for (const [flags, , , description] of FLAGS) program.option(flags, description)
}

/** `proxy.listen` → `--listen`. */
function flagName(path: string): string {
  return FLAGS.find(([, , key]) => key === path)?.[0].split(' ')[0] ?? path
}

/** The configuration that the command line, the variables and the file make together. */
export async function configOf(command: Command, io: Io): Promise<Config> {
  // Loaded where it is needed: help and usage errors come without the schema.
  const { loadConfig } = await import('../config.ts')
  const options: Record<string, unknown> = command.optsWithGlobals()
  const flags: Record<string, string> = {}
  for (const [, option, path] of FLAGS) {
    const value = options[option]
    if (typeof value === 'string') flags[path] = value
  }
  const file = typeof options.config === 'string' ? options.config : existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined
  return loadConfig({ file, env: io.env, flags, flagName })
}

/** Who runs the command, for the audit log. */
export function byOf({ env }: Io): By {
  return { author: env.USER === undefined ? 'cli' : `cli:${env.USER}`, from: 'cli' }
}

/** Opens the configured store for `work`, and closes it whatever happens. */
export async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const { openStore } = await import('../../policy/store/open.ts')
  const store = await openStore(config.store.url)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}
