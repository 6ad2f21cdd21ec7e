/** Names in the place of people: the same person has the same one wherever the key is the same, and nobody finds out without it. */
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { remember } from './memo.ts'
import { fold } from './people/person.ts'

/** 96 bits: of a billion people no two share one. */
const LENGTH = 24
const REMEMBERED = 10_000

export class Pseudonyms {
  /** `u-…`; upper and lower case are one name, as in rules. */
  readonly user: (name: string) => string
  /** `ip-…`, for an address in canonical text. */
  readonly ip: (address: string) => string

  constructor(key: KeyObject) {
    // RFC 2104. What is hashed says what it is, so that no address is anybody's name.
    const digest = (kind: string, text: string): string => createHmac('sha256', key).update(`${kind}\n${text}`).digest('hex').slice(0, LENGTH)
    this.user = remember(name => `u-${digest('user', fold(name))}`, REMEMBERED)
    this.ip = remember(address => `ip-${digest('ip', address)}`, REMEMBERED)
  }
}
