/** Makes one input of another: small changes of bytes, words of the target's dictionary, pieces of other inputs. */
import { pick } from './random.ts'
import type { Random } from './random.ts'

type Mutation = (bytes: Buffer, random: Random, dictionary: readonly string[], other: Buffer) => Buffer

const BYTES = [0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x2f, 0x3a, 0x3b, 0x7f, 0x80, 0xc0, 0xfe, 0xff]
const NUMBERS = ['0', '-1', '1', '00', '16384', '16385', '65535', '65536', '2147483648', '4294967296', '9007199254740993', '99999999999999999999', '1e999', '0x10', '٣']

const MUTATIONS: readonly Mutation[] = [
  // A bit.
  (bytes, random) => at(bytes, random(bytes.length), (byte) => byte ^ (1 << random(8))),
  // A byte.
  (bytes, random) => at(bytes, random(bytes.length), () => random(256)),
  (bytes, random) => at(bytes, random(bytes.length), () => pick(random, BYTES) ?? 0),
  // A little more or less: lengths, types, digits.
  (bytes, random) => at(bytes, random(bytes.length), (byte) => byte + random(9) - 4),
  // A length of two bytes.
  (bytes, random) => {
    const place = random(bytes.length)
    const value = pick(random, [0, 1, 0xff, 0x100, 0x4000, 0x7fff, 0xffff, bytes.length, bytes.length - place - 2]) ?? 0
    return splice(bytes, place, 2, Buffer.from([(value >> 8) & 255, value & 255]))
  },
  // Less.
  (bytes, random) => splice(bytes, random(bytes.length), 1 + random(8), Buffer.alloc(0)),
  (bytes, random) => splice(bytes, random(bytes.length), random(bytes.length) + 1, Buffer.alloc(0)),
  // Words.
  (bytes, random, dictionary) => splice(bytes, random(bytes.length + 1), 0, word(random, dictionary)),
  (bytes, random, dictionary) => {
    const put = word(random, dictionary)
    return splice(bytes, random(bytes.length + 1), put.length, put)
  },
  // One word in place of another.
  (bytes, random, dictionary) => {
    const gone = word(random, dictionary)
    const place = gone.length === 0 ? -1 : bytes.indexOf(gone, random(bytes.length))
    return place < 0 ? bytes : splice(bytes, place, gone.length, word(random, dictionary))
  },
  // A number in digits.
  (bytes, random) => {
    const found = [...bytes.toString('latin1').matchAll(/[0-9]+/g)]
    const one = pick(random, found)
    return one === undefined ? bytes : splice(bytes, one.index, one[0].length, Buffer.from(pick(random, NUMBERS) ?? ''))
  },
  // A piece twice, or very often: what takes quadratic time shows.
  (bytes, random) => {
    const place = random(bytes.length)
    const piece = bytes.subarray(place, place + 1 + random(random(4) === 0 ? 64 : 8))
    const times = random(8) === 0 ? 2 + random(4000) : 1 + random(4)
    return splice(bytes, place, 0, Buffer.concat(Array.from({ length: times }, () => piece)))
  },
  // A piece elsewhere.
  (bytes, random) => {
    const place = random(bytes.length)
    return splice(bytes, random(bytes.length), 0, bytes.subarray(place, place + 1 + random(32)))
  },
  // A line gone, twice or elsewhere.
  (bytes, random) => {
    const lines = bytes.toString('latin1').split('\n')
    const line = random(lines.length)
    const [taken = ''] = random(2) === 0 ? lines.splice(line, 1) : [lines[line]]
    if (random(3) > 0) lines.splice(random(lines.length + 1), 0, taken)
    return Buffer.from(lines.join('\n'), 'latin1')
  },
  // Of two inputs: a piece of the other, or its end.
  (bytes, random, _, other) => {
    const place = random(Math.max(other.length, 1))
    return splice(bytes, random(bytes.length + 1), random(16), other.subarray(place, place + 1 + random(64)))
  },
  (bytes, random, _, other) => Buffer.concat([bytes.subarray(0, random(bytes.length + 1)), other.subarray(random(other.length + 1))]),
]

/** A new input of at most `maxLength` bytes; `other` gives pieces. */
export function mutate(bytes: Buffer, random: Random, dictionary: readonly string[], other: Buffer, maxLength: number): Buffer {
  let made = bytes
  for (let left = 1 + random(random(3) === 0 ? 8 : 3); left > 0; left--) {
    if (made.length === 0) made = word(random, dictionary)
    if (made.length === 0) made = Buffer.from([random(256)])
    made = (pick(random, MUTATIONS) ?? ((same: Buffer) => same))(made, random, dictionary, other)
    if (made.length > maxLength) made = made.subarray(0, maxLength)
  }
  return Buffer.from(made)
}

function at(bytes: Buffer, place: number, change: (byte: number) => number): Buffer {
  const made = Buffer.from(bytes)
  made[place] = change(made[place] ?? 0) & 255
  return made
}

function splice(bytes: Buffer, place: number, gone: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(Math.min(place + gone, bytes.length))])
}

function word(random: Random, dictionary: readonly string[]): Buffer {
  return Buffer.from(pick(random, dictionary) ?? '', 'latin1')
}
