/** For whom a rule is enforced while it is rolled out. */
import { createHmac } from 'node:crypto'
import type { Facts } from './evaluate.ts'
import { remember } from './memo.ts'
import { fold } from './people/person.ts'
import type { Rule } from './schema.ts'

/** Users and addresses whose place is remembered for each rule. */
const REMEMBERED = 1_024

/**
 * Tells whether `enforceFor` takes a request in: members of its groups, and `percent` of all users. Who that is hangs on the
 * rule and the user alone, so that everybody is treated alike on every node and day, and whoever is in at 10 stays in at 20.
 * `feared`: who may be a member of its groups, because not all of his could be looked up, is taken in as well.
 */
export function enforcedFor(
  ruleId: string, { percent = 0, groups }: NonNullable<Rule['enforceFor']>, feared: boolean,
): (facts: Facts) => boolean {
  const members = new Set((typeof groups === 'string' ? [groups] : groups ?? []).map(name => name.toLowerCase()))
  const places = remember(who => placeOf(ruleId, who), REMEMBERED)
  return facts => (members.size > 0 && (facts.groups?.some(group => members.has(group.toLowerCase())) === true
    || (feared && facts.moreGroups === true)))
    || places(facts.user === undefined ? `ip ${facts.ip}` : `user ${fold(facts.user)}`) < percent
}

/** From 0 to less than 100, evenly over all names; keyed by the rule, so that it is not always the same people who come first. */
function placeOf(ruleId: string, who: string): number {
  return createHmac('sha256', ruleId).update(who).digest().readUInt32BE(0) / 2 ** 32 * 100
}
