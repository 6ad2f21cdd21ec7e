/** A defect that only who follows coverage finds: five bytes that have to be right, one after the other. */
import type { Target } from '../target.ts'

export const target: Target = {
  name: 'bug', sources: ['test/fuzz/planted/'], dictionary: [], maxLength: 16,
  open: async () => ({ starts: [Buffer.from('hello')], run }),
}

function run(bytes: Buffer): void {
  if (bytes[0] !== 0x46) return
  if (bytes[1] !== 0x55) return
  if (bytes[2] !== 0x5a) return
  if (bytes[3] !== 0x7a) return
  throw new Error('the planted defect')
}
