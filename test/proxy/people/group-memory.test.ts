/** Groups are waited for once, refreshed beside the traffic, and go on while the service is away. */
import t from 'tap'
import { GroupMemory } from '../../../proxy/people/group-memory.ts'
import { composePeople } from '../../../proxy/people/people.ts'

const CACHE = 1_000
const DAY = 86_400_000

interface Bench {
  readonly memory: GroupMemory
  readonly told: unknown[]
  asked: number
  now: number
  look: () => Promise<{ names: readonly string[]; complete: boolean }>
}

function bench(): Bench {
  const made: Bench = {
    told: [], asked: 0, now: 0, look: async () => ({ names: ['finance'], complete: true }),
    memory: new GroupMemory({
      look: () => { made.asked++; return made.look() }, cacheMs: CACHE, now: () => made.now, told: (error) => { made.told.push(error) },
    }),
  }
  return made
}

const away = (): Promise<never> => Promise.reject(new Error('away'))

t.test('asked once by all who come together, then remembered', async (t) => {
  const b = bench()
  t.match(b.memory.known('anna'), { are: 'unknown' })
  await Promise.all([b.memory.ask('anna'), b.memory.ask('anna')])
  t.equal(b.asked, 1)
  t.strictSame(b.memory.known('anna'), { names: ['finance'], are: 'fresh' })
  t.equal(b.memory.ask('anna'), null)
})

t.test('refreshed before the time is over, and nobody waits', async (t) => {
  const b = bench()
  await b.memory.ask('anna')
  b.look = async () => ({ names: ['pilots'], complete: true })
  b.now = CACHE * 0.9
  t.equal(b.memory.ask('anna'), null)
  t.strictSame(b.memory.known('anna').names, ['finance'])
  await new Promise(setImmediate)
  t.strictSame(b.memory.known('anna').names, ['pilots'])
  t.equal(b.asked, 2)
  b.now += CACHE
  t.not(b.memory.ask('anna'), null, 'after it, they do')
})

t.test('away: the last known go on for a day, of others nothing is known, and nobody waits twice', async (t) => {
  const b = bench()
  await b.memory.ask('anna')
  b.look = away
  b.now = CACHE
  await b.memory.ask('anna')
  t.match(b.told, [{ message: 'away' }])
  t.ok(b.memory.isAway)
  t.strictSame(b.memory.known('anna'), { names: ['finance'], are: 'stale' })
  t.equal(b.memory.ask('bob'), null, 'not asked so soon after a failure')
  t.match(b.memory.known('bob'), { are: 'unknown' })
  b.now = DAY
  t.match(b.memory.known('anna'), { names: [], are: 'unknown' })
  b.look = async () => ({ names: [], complete: true })
  await b.memory.ask('bob')
  t.match(b.memory.known('bob'), { are: 'fresh' })
  t.notOk(b.memory.isAway)
  t.equal(b.told.length, 2)
})

t.test('groups that the service does not tell in full are not taken for all', async (t) => {
  const b = bench()
  b.look = async () => ({ names: ['finance'], complete: false })
  await b.memory.ask('anna')
  t.strictSame(b.memory.known('anna'), { names: ['finance'], are: 'unknown' })
})

t.test('who somebody is, from all that tells', async (t) => {
  const b = bench()
  const directory = { members: new Map([['anna', { name: 'Anna', password: null, groups: ['staff'] }]]), places: [] }
  const people = composePeople({ directory: () => directory, at: ip => ip === '10.0.0.1' ? { user: 'anna', groups: ['desk'] } : {}, groups: b.memory })
  t.strictSame(people.find('10.0.0.1', undefined), { user: 'Anna', groups: ['staff', 'desk'], moreGroups: true })
  await people.ask('10.0.0.1', undefined)
  t.strictSame(people.find('10.0.0.1', undefined), { user: 'Anna', groups: ['staff', 'desk', 'finance'] })
  t.strictSame(people.find('10.0.0.2', 'ANNA'), { user: 'Anna', groups: ['staff', 'finance'] })
  await people.ask('10.0.0.1', 'bob')
  t.strictSame(people.find('10.0.0.1', 'bob'), { user: 'bob', groups: ['desk', 'finance'] }, 'who proved himself is not who sits there')
  t.strictSame(people.find('10.0.0.2', undefined), {})
  t.equal(people.ask('10.0.0.2', undefined), null)
  b.look = away
  b.now = CACHE
  await people.ask('10.0.0.2', 'anna')
  t.match(people.find('10.0.0.2', 'anna'), { staleGroups: true })
})
