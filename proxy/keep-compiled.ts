/**
 * Keeps what Node has compiled of Sluice and its packages for the next start, which then takes half as long. Below `node_modules`: who can
 * write there can change the packages themselves, and a file in a directory of everybody's could be another's code.
 */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

const DIRECTORY = fileURLToPath(new URL('../node_modules/.cache/node-compile', import.meta.url))

/** For what is loaded from now on. Does nothing where the directory cannot be written. */
export function keepCompiled(): void {
  enableCompileCache(DIRECTORY)
}

/** Writes what was compiled anew: once it takes a tenth of a second, and then nothing. A process that is killed would never write it. */
export function writeCompiled(): void {
  flushCompileCache()
}
