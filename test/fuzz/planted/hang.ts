/** An input that never comes back. */
import type { Target } from '../target.ts'

export const target: Target = {
  name: 'hang', sources: ['test/fuzz/planted/'], dictionary: [], maxLength: 16,
  open: async () => ({
    starts: [Buffer.from('hello')],
    run: bytes => { while (bytes[0] === 0xff); },
  }),
}
