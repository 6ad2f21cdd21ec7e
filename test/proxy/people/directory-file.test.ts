/** The directory file as it lies on disk: replaced, broken, gone and back. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openDirectoryFile } from '../../../proxy/people/directory-file.ts'
import { eventually } from '../../e2e/observe.ts'

const users = (...names: string[]): string => JSON.stringify({ users: Object.fromEntries(names.map(name => [name, {}])) })

t.test('a faulty file at the start is an error', async (t) => {
  const file = join(t.testdir({ 'users.yaml': 'users: [x]' }), 'users.yaml')
  t.throws(() => openDirectoryFile(file, () => undefined, () => undefined), { code: 'people.invalid' })
  t.throws(() => openDirectoryFile(`${file}.none`, () => undefined, () => undefined), { code: 'config.unreadable' })
})

t.test('each change is taken over, whole or not at all, and said once', async (t) => {
  const dir = t.testdir({ 'users.yaml': users('anna') })
  const file = join(dir, 'users.yaml')
  const said: string[] = []
  let changes = 0
  const opened = openDirectoryFile(file, (level, message) => { said.push(`${level} ${message}`) }, () => { changes++ })
  t.teardown(() => { opened.close() })
  const members = (): string => [...opened.current().members.keys()].join(' ')
  t.equal(members(), 'anna')

  await writeFile(`${file}.new`, users('anna', 'bob'))
  await rename(`${file}.new`, file)
  t.ok(await eventually(() => members() === 'anna bob'), 'replaced')
  t.equal(changes, 1)

  await writeFile(file, 'users: { anna: { groups: 3 } }')
  t.ok(await eventually(() => opened.fault() !== null))
  t.match(opened.fault(), /users\/anna\/groups must be a list \(at 1:/)
  opened.reload()
  t.equal(members(), 'anna bob', 'the one before is in force')
  t.equal(said.filter(line => line.startsWith('error')).length, 1)

  await rm(file)
  t.ok(await eventually(() => /cannot be read/.test(opened.fault() ?? '')))
  t.equal(members(), 'anna bob')
  await writeFile(file, users('eve'))
  t.ok(await eventually(() => members() === 'eve'))
  t.equal(opened.fault(), null)
})

t.test('a mounted secret, which is replaced by another directory behind a link', async (t) => {
  const dir = t.testdir()
  const at = async (name: string, ...names: string[]): Promise<void> => {
    await mkdir(join(dir, name))
    await writeFile(join(dir, name, 'users.yaml'), users(...names))
    await symlink(name, join(dir, '..new'))
    await rename(join(dir, '..new'), join(dir, '..data'))
  }
  await at('one', 'anna')
  await symlink('..data/users.yaml', join(dir, 'users.yaml'))
  const opened = openDirectoryFile(join(dir, 'users.yaml'), () => undefined, () => undefined)
  t.teardown(() => { opened.close() })
  await at('two', 'bob')
  t.ok(await eventually(() => opened.current().members.has('bob')))
})

t.test('SIGHUP need not wait for the watch', async (t) => {
  const file = join(t.testdir({ 'users.yaml': users('anna') }), 'users.yaml')
  const opened = openDirectoryFile(file, () => undefined, () => undefined)
  opened.close()
  await writeFile(file, users('bob'))
  opened.reload()
  t.ok(opened.current().members.has('bob'))
})
