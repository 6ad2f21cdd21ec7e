import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects all that nothing holds any more, at once: some hundredths of a second in which nothing else is done. */
export function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  // What V8 has compiled is kept for the next start under the flags that it was compiled with.
  setFlagsFromString('--no-expose-gc')
  gc()
}
