/** Passwords are checked few at a time, and those that were right are remembered. */
import t from 'tap'
import { RefusedError } from '../../../proxy/errors.ts'
import { Credentials, OUTAGE_MS, REMEMBER_MS } from '../../../proxy/people/credentials.ts'
import type { Check } from '../../../proxy/people/credentials.ts'
import { decoy, hashPassword, isPassword } from '../../../proxy/people/password.ts'
import { FairTurns } from '../../../proxy/people/fair-turns.ts'

interface Bench {
  readonly credentials: Credentials
  readonly asked: string[]
  now: number
  answer: Check
}

function bench(): Bench {
  const made: Bench = {
    asked: [],
    now: 0,
    answer: async ({ user, password }) => password === 'right' ? user : null,
    credentials: new Credentials({ check: (one) => { made.asked.push(one.password); return made.answer(one) }, now: () => made.now }),
  }
  return made
}

/** What a check comes to: the user, or the code of the refusal. */
async function ask({ credentials }: Bench, password: string, asker = '10.0.0.1', user = 'anna'): Promise<string> {
  try {
    return await credentials.check({ user, password }, asker)
  } catch (error) {
    if (error instanceof RefusedError) return error.code
    throw error
  }
}

t.test('a right credential is remembered for a bounded time, whatever the case of its user', async (t) => {
  const b = bench()
  t.equal(await ask(b, 'right'), 'anna')
  t.equal(b.credentials.check({ user: 'ANNA', password: 'right' }, 'x'), 'anna', 'at once')
  t.equal(b.asked.length, 1)
  b.now = REMEMBER_MS
  t.equal(await ask(b, 'right'), 'anna')
  t.equal(b.asked.length, 2)
  t.equal(await ask(b, 'Right'), 'client.unauthenticated', 'another password is another credential')
  t.equal(await ask(b, 'right', 'x', 'bob'), 'bob')
  b.credentials.forget(user => user === 'anna')
  b.answer = async () => null
  t.equal(b.credentials.check({ user: 'Bob', password: 'right' }, 'x'), 'bob', 'others are not asked again')
  t.equal(await ask(b, 'right'), 'client.unauthenticated', 'what was forgotten is checked again')
})

t.test('what lasts is checked once, until it is forgotten', async (t) => {
  let [asked, now] = [0, 0]
  const credentials = new Credentials({
    check: async ({ user }) => { asked++; return user }, lasts: user => user === 'anna', now: () => now,
  })
  for (const user of ['Anna', 'bob']) await credentials.check({ user, password: 'right' }, 'x')
  now = REMEMBER_MS
  for (const user of ['Anna', 'bob']) t.equal(await credentials.check({ user, password: 'right' }, 'x'), user)
  t.equal(asked, 3, 'bob again')
  credentials.forget(user => user === 'anna')
  await credentials.check({ user: 'anna', password: 'right' }, 'x')
  t.equal(asked, 4)
})

t.test('a wrong one that is repeated costs one check in ten seconds', async (t) => {
  const b = bench()
  for (let i = 0; i < 5; i++) t.equal(await ask(b, 'wrong'), 'client.unauthenticated')
  t.equal(b.asked.length, 1)
  b.now = 10_000
  await ask(b, 'wrong')
  t.equal(b.asked.length, 2)
})

t.test('while nobody can tell, what was right within a day is', async (t) => {
  const b = bench()
  await ask(b, 'right')
  b.answer = async () => { throw new Error('away') }
  b.now = REMEMBER_MS
  t.equal(await ask(b, 'right'), 'anna')
  t.equal(await ask(b, 'other'), 'client.unverified')
  b.now = OUTAGE_MS
  t.equal(await ask(b, 'right'), 'client.unverified')
})

t.test('what is found out while all is forgotten is not kept', async (t) => {
  const b = bench()
  let answer: (user: string) => void = () => undefined
  b.answer = () => new Promise((resolve) => { answer = resolve })
  const before = ask(b, 'right')
  await new Promise(setImmediate)
  b.credentials.forget(() => true)
  b.answer = async () => null
  answer('anna')
  t.equal(await before, 'client.unauthenticated', 'she was taken out while she was checked')
  t.equal(await ask(b, 'right'), 'client.unauthenticated')
})

t.test('one who tries many passwords waits for himself: others take their turn', async (t) => {
  const b = bench()
  const waiting: (() => void)[] = []
  b.answer = () => new Promise((resolve) => { waiting.push(() => { resolve(null) }) })
  const flood = Array.from({ length: 100 }, (_, i) => ask(b, `guess ${i}`, 'attacker'))
  const other = ask(b, 'mine', 'other', 'bob')
  await new Promise(setImmediate)
  t.ok(b.asked.length <= 2, 'few run at once')
  let refused = 0
  for (const one of flood) void one.then((code) => { if (code === 'client.too-many-attempts') refused++ })
  await new Promise(setImmediate)
  t.equal(refused, 84, 'and few wait')
  for (let i = 0; i < 4 && !b.asked.includes('mine'); i++) {
    waiting.shift()?.()
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  t.ok(b.asked.includes('mine'), 'the other came after two or three of sixteen')
  const end = setInterval(() => { waiting.shift()?.() }, 1)
  await Promise.all([...flood, other])
  clearInterval(end)
})

t.test('turns: in all no more than allowed, and a rest keeps the next waiting', async (t) => {
  const turns = new FairTurns({ running: 1, each: 2, all: 3 })
  const order: string[] = []
  const work = (name: string, ms = 0) => async (rest: (ms: number) => void): Promise<void> => {
    order.push(name)
    rest(ms)
  }
  const taken = [turns.take('a', work('a1', 30)), turns.take('a', work('a2')), turns.take('a', work('a3')), turns.take('b', work('b1')), turns.take('c', work('c1'))]
  t.strictSame(taken.map(one => one !== null), [true, true, false, true, false])
  await taken[0]
  t.strictSame(order, ['a1'], 'it rests')
  await Promise.all(taken)
  t.strictSame(order, ['a1', 'a2', 'b1'])
  await turns.take('c', work('c2'))
  await t.rejects(turns.take('c', async () => { throw new Error('failed') }) ?? Promise.resolve())
  await turns.take('c', work('c3'))
  t.strictSame(order.slice(3), ['c2', 'c3'], 'all is free again')
})

t.test('a hash is right for its password, in either form of its letters', async (t) => {
  const hash = await hashPassword('tra\u0308umen')
  t.ok(await isPassword('träumen', hash))
  t.notOk(await isPassword('traumen', hash))
  t.notOk(await isPassword('träumen', decoy(15)))
})
