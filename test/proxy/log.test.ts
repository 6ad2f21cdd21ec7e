import t from 'tap'
import { createLog } from '../../proxy/log.ts'

function collect(isTTY: boolean) {
  const lines: string[] = []
  return { lines, output: { isTTY, write: (line: string) => lines.push(line) } }
}

t.test('lines are JSON where no person looks, and secrets are masked', async t => {
  const { lines, output } = collect(false)
  const log = createLog({}, output)
  log.info({ url: 'x', token: 'hunter2', headers: { authorization: 'hunter2' } }, 'hello')
  log.debug('too fine')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { level: 'info', msg: 'hello', url: 'x', token: '***', headers: { authorization: '***' } })
})

t.test('a person gets short lines that cannot steer the terminal', async t => {
  const { lines, output } = collect(true)
  createLog({ SLUICE_LOG: 'debug' }, output).debug({ host: 'a\u001b[2J' }, 'seen\u009b')
  t.match(lines[0], /^\d\d:\d\d:\d\d debug seen\\x9b host=a\\x1b\[2J\n$/)
})

t.test('a level that does not exist is an error', async t => {
  t.throws(() => createLog({ SLUICE_LOG: 'wran' }), { code: 'config.invalid', remedy: 'Did you mean warn?' })
})
