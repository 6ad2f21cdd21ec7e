/** What this process holds of glibc's heap, where C libraries have all that is theirs; V8's own is elsewhere. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import koffi from 'koffi'

/** Answers bytes, after what nobody refers to was given back. */
export function allocated(): () => number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const fields = ['arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks', 'fsmblks', 'uordblks', 'fordblks', 'keepcost']
  koffi.struct('mallinfo2_t', Object.fromEntries(fields.map(field => [field, 'size_t'])))
  const mallinfo = koffi.load('libc.so.6').func('mallinfo2_t mallinfo2()')
  return () => {
    gc()
    return Number((mallinfo() as { readonly uordblks: number | bigint }).uordblks)
  }
}
