import t from 'tap'
import { startProgram } from './target.ts'

t.test('a program that ends instead of listening is told of with its last words', async t => {
  await t.rejects(startProgram('/bin/sh', ['-c', 'echo no such directive; exit 3'], t.testdir(), 1), { message: /\/bin\/sh ended with 3: no such directive$/ })
})
