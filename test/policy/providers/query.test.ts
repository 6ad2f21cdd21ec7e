/** A query is walked once for all who ask: whoever asks next, and for whichever query, gets what a plain reading gives. */
import fc from 'fast-check'
import t from 'tap'
import { hasEscapedName, nameBit, nameBits, queryValue, queryValues } from '../../../policy/providers/query.ts'
import { percentDecode } from '../../../policy/providers/text.ts'

const SEED = 20261130
t.comment(`seed ${SEED}`)

const NAMES = ['alt', 'Alt', 'all', 'upload_id', 'a', '$top']
const key = fc.constantFrom(...NAMES, 'a%6ct', '%61', 'upload%5fid', 'b', '', 'a+t', 'é', '%', 'a%zz')
const value = fc.constantFrom('', 'media', 'a%20b', 'a+b', 'x=y', '%41', '%', 'é', '%C3%B6')
const pair = fc.tuple(key, fc.option(value)).map(([name, text]) => text === null ? name : `${name}=${text}`)
const aQuery = fc.array(pair, { maxLength: 8 }).map(parts => parts.join('&'))

function decode(text: string): string {
  return percentDecode(text.replaceAll('+', ' '))
}

/** Names as written and as meant, with their values. */
function plainly(query: string): readonly { readonly written: string; readonly name: string; readonly value: string }[] {
  return query.split('&').map(part => {
    const [written = '', ...rest] = part.split('=')
    return { written, name: (written.includes('%') ? decode(written) : written).toLowerCase(), value: decode(rest.join('=')) }
  })
}

t.test('several queries asked for several names in turn', async (t) => {
  const asked = fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...NAMES)), { minLength: 1, maxLength: 12 })
  fc.assert(fc.property(fc.tuple(aQuery, aQuery, aQuery), asked, (queries, questions) => {
    for (const [which, name] of questions) {
      const query = queries[which] ?? ''
      const wanted = plainly(query).filter(one => one.name === name.toLowerCase()).map(one => one.value)
      t.strictSame(queryValues(query, name), wanted, `${name} of ${query}`)
      t.equal(queryValue(query, name), wanted[0], `the first ${name} of ${query}`)
      t.equal(hasEscapedName(query), plainly(query).some(({ written }) => written.includes('%')), query)
    }
  }), { seed: SEED, numRuns: 400 })
})

t.test('the bit of every name that is there is set', async (t) => {
  fc.assert(fc.property(aQuery, (query) => {
    const bits = nameBits(query)
    for (const { name } of query === '' ? [] : plainly(query)) {
      if (!/^[a-z_$]+$/.test(name)) continue
      t.not(bits & nameBit(name, 0, name.length), 0, `${name} in ${query}`)
    }
  }), { seed: SEED, numRuns: 400 })
  t.equal(nameBits(''), 0)
  t.equal(nameBits('alt=media') & nameBit('uploads', 0, 7), 0, 'most names that are not there are told so')
})

t.test('a query of very many parameters, and the one asked for behind it', async (t) => {
  const many = `${'x=1&'.repeat(20_000)}alt=media`
  t.strictSame(queryValues(many, 'alt'), ['media'])
  t.equal(queryValues(many, 'x').length, 20_000)
  t.strictSame(queryValues('x=2&alt=json', 'alt'), ['json'])
  t.strictSame(queryValues('x=2', 'alt'), [])
})
