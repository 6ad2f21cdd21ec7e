/** The comparison of the relay's reader with llhttp: nothing in what is known to tear readers apart, and it finds what it is there to find. */
import t from 'tap'
import { readHead } from '../../proxy/head.ts'
import { BodyReader } from '../../proxy/relay/body-reader.ts'
import { HeadFinder } from '../../proxy/relay/head-finder.ts'
import { readRequestHead } from '../../proxy/relay/request-head.ts'
import { Differential } from './http1/differential.ts'
import { LOOSENINGS, importLoosened } from './http1/loosened.ts'
import type { Grammar } from './http1/relay-side.ts'
import { HTTP_WORDS, httpStreams } from './http1/streams.ts'
import { mutate } from './mutate.ts'
import { pick, randomFrom } from './random.ts'
import { readSeeds } from './seeds.ts'
import { Broken } from './target.ts'

const STRICT: Grammar = { BodyReader, HeadFinder, readHead, readRequestHead }
const STREAMS = httpStreams()
/** Inputs after which a loosened grammar must have shown. */
const MOST = 3000

t.test('recorded, smuggled and sound connections, cut at every place', async t => {
  const differential = new Differential(STRICT, Number.POSITIVE_INFINITY)
  t.teardown(() => differential.close())
  for (const bytes of [...STREAMS, ...readSeeds('relay-reader')]) await differential.run(bytes)
  t.match(differential.summary(), / 0 differences$/)
  t.comment(differential.summary())
})

for (const loosening of LOOSENINGS) {
  t.test(`a grammar that is looser is found: ${loosening.what}`, async t => {
    const differential = new Differential(await importLoosened(loosening))
    t.teardown(() => differential.close())
    t.match(await firstDifference(differential), /\S/)
    t.comment(differential.summary())
  })
}

/** Of the streams, and then of what is made of them, always the same; empty where there is none. */
async function firstDifference(differential: Differential): Promise<string> {
  const random = randomFrom(1)
  for (let i = 0; i < MOST; i++) {
    const start = STREAMS[i] ?? mutate(pick(random, STREAMS) ?? Buffer.alloc(0), random, HTTP_WORDS, pick(random, STREAMS) ?? Buffer.alloc(0), 2048)
    try {
      await differential.run(start)
    } catch (error) {
      if (error instanceof Broken) return error.message
      throw error
    }
  }
  return ''
}
