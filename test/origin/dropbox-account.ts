import type { Account } from './accounts.ts'
import type { JsonObject } from './json.ts'

/** What `users/get_current_account` tells; `team` is there for a team's members only. */
export function currentAccount({ person, organisation, dropbox: { id, email, team, namespace } }: Account): JsonObject {
  return {
    account_id: id, name: { display_name: person }, email, email_verified: true, disabled: false, country: 'GB', locale: 'en',
    account_type: { '.tag': team === null ? 'basic' : 'business' },
    ...(team === null ? {} : { team: { id: team, name: organisation?.name }, team_member_id: `dbmid:${id.slice('dbid:'.length)}` }),
    root_info: { '.tag': 'user', root_namespace_id: namespace, home_namespace_id: namespace },
  }
}
