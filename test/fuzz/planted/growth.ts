/** Remembers every input for ever, and four kilobytes with it. */
import type { Target } from '../target.ts'

const kept: unknown[] = []

export const target: Target = {
  name: 'growth', sources: ['test/fuzz/planted/'], dictionary: [], maxLength: 16, mayGrow: 1 << 20,
  open: async () => ({
    starts: [Buffer.from('hello')],
    run: bytes => void kept.push(bytes, Array.from({ length: 512 }, () => bytes.length)),
  }),
}
