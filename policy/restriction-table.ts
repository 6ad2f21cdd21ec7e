/** The providers' header fields: where each goes, which ids it takes, and who says so. */
import { GUID, isGuid } from './tenant/guid.ts'
import { PERSONAL } from './tenant/personal.ts'

/** `tenants.restrict`: the accounts that are restricted, with what they need beside the allowlist. */
export interface Restrict {
  readonly microsoft?: {
    /** The directory id of the tenant whose policy this is. */
    readonly directory: string
    /** Id of a policy kept in Entra (tenant restrictions v2), which then says which tenants are let in; null: v1, by the allowlist. */
    readonly policy: string | null
    /** Whether consumer accounts may sign in; settled in Entra with a `policy`. */
    readonly consumer: 'block' | 'allow'
  }
  readonly google?: Plain
  readonly dropbox?: Plain
  /** The numbers of the organisations whose resources may be used; the allowlist of `gcp` holds buckets, which the field cannot say. */
  readonly gcp?: { readonly organizations: readonly string[] }
  /** The workspace or organisation that has the right to restrict. */
  readonly slack?: { readonly workspace: string }
  readonly github?: Plain
  readonly webex?: Plain
  /** The domain or division that has the right to restrict. */
  readonly asana?: { readonly requester: string }
  readonly chatgpt?: Plain
  readonly claude?: Plain
}

/** Needs nothing more. */
export type Plain = Readonly<Record<string, never>>

export const RESTRICTED = [
  'microsoft', 'google', 'dropbox', 'gcp', 'slack', 'github', 'webex', 'asana', 'chatgpt', 'claude',
] as const satisfies readonly (keyof Restrict)[]
export type RestrictedAccount = (typeof RESTRICTED)[number]

const DOMAIN = /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+$/

/**
 * Entra, "Restrict access to a tenant" (v1: the two fields, no spaces in the list; `restrict-msa`) and "Tenant
 * restrictions v2". Exactly these hosts: `device.login.microsoftonline.com` works with client certificates.
 */
export const MICROSOFT = {
  hosts: ['login.microsoftonline.com', 'login.microsoft.com', 'login.windows.net'],
  consumerHost: 'login.live.com',
  tenantsHeader: 'Restrict-Access-To-Tenants',
  contextHeader: 'Restrict-Access-Context',
  policyHeader: 'sec-Restrict-Tenant-Access-Policy',
} as const

/** Verified domains and directory ids; a SharePoint name (`contoso`) says nothing to Entra. */
export function isMicrosoftName(name: string): boolean {
  return isGuid(name) || DOMAIN.test(name)
}

/** An account whose field is a list of the allowlist's ids, separated by commas. */
export interface List {
  readonly account: Exclude<RestrictedAccount, 'microsoft' | 'gcp'>
  readonly header: string
  readonly hosts: readonly string[]
  /** Its hosts are in no provider's catalogue: they are opened only while the account is restricted. */
  readonly isElsewhere: boolean
  /** What the ids are, for people. */
  readonly takes: string
  /** A tenant's name as the field writes it; undefined where it takes no such name. */
  readonly spell: (name: string) => string | undefined
  /** How many ids the provider takes. */
  readonly most?: number
  /** A second field, which says by whose right this is restricted. */
  readonly requester?: { readonly header: string; readonly value: (restrict: Restrict) => string | undefined }
  readonly source: string
}

const matching = (form: RegExp) => (name: string): string | undefined => form.test(name) && name !== PERSONAL ? name : undefined

export const LISTS: readonly List[] = [
  {
    account: 'google', header: 'X-GoogApps-Allowed-Domains', hosts: ['google.com', '*.google.com'], isElsewhere: false,
    takes: 'domains, and `personal` as consumer_accounts',
    spell: name => name === PERSONAL ? 'consumer_accounts' : matching(DOMAIN)(name),
    source: 'https://support.google.com/a/answer/1668854',
  },
  {
    // The API's `dbtid:…` is another id, and its case, which counts, is not kept in the allowlist.
    account: 'dropbox', header: 'X-Dropbox-allowed-Team-Ids', hosts: ['dropbox.com', '*.dropbox.com'], isElsewhere: false,
    takes: 'the number that the admin console shows under network control', spell: matching(/^[0-9]{1,20}$/),
    source: 'https://help.dropbox.com/security/network-control',
  },
  {
    account: 'slack', header: 'X-Slack-Allowed-Workspaces', hosts: ['slack.com', '*.slack.com'], isElsewhere: true,
    takes: 'ids of workspaces and organisations (T…, E…)',
    spell: name => matching(/^[te][0-9a-z]{5,20}$/)(name)?.toUpperCase(),
    requester: { header: 'X-Slack-Allowed-Workspaces-Requester', value: restrict => restrict.slack?.workspace },
    source: 'https://slack.com/help/articles/360024821873',
  },
  {
    account: 'github', header: 'sec-GitHub-allowed-enterprise', isElsewhere: true,
    hosts: ['github.com', '*.github.com', '*.githubcopilot.com'],
    takes: 'ids of enterprises', spell: matching(/^[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?$/), most: 20,
    source: 'https://docs.github.com/enterprise-cloud@latest, Restricting access to GitHub.com using a corporate proxy',
  },
  {
    account: 'webex', header: 'CiscoSpark-Allowed-Domains', isElsewhere: true,
    hosts: [
      'identity.webex.com', 'identity-eu.webex.com', 'identity-ca.webex.com', 'idbroker.webex.com', 'idbroker-secondary.webex.com',
      'idbroker-b-us.webex.com', 'idbroker-eu.webex.com', 'idbroker-ca.webex.com', 'atlas-a.wbx2.com',
    ],
    takes: 'domains', spell: matching(DOMAIN), source: 'https://help.webex.com/article/m0jby2',
  },
  {
    account: 'asana', header: 'Asana-Allowed-Domain-Ids', hosts: ['asana.com', '*.asana.com'], isElsewhere: true,
    takes: 'numbers of domains (workspaces)', spell: matching(/^[0-9]{1,30}$/),
    requester: { header: 'Asana-Allowed-Domains-Requester-Id', value: restrict => restrict.asana?.requester },
    source: 'https://help.asana.com/s/article/manage-approved-workspaces',
  },
  {
    account: 'chatgpt', header: 'ChatGPT-Allowed-Workspace-Id', hosts: ['chatgpt.com', '*.chatgpt.com'], isElsewhere: true,
    takes: 'ids (UUID) of workspaces', spell: matching(GUID),
    source: 'https://help.openai.com/articles/20001323',
  },
  {
    account: 'claude', header: 'anthropic-allowed-org-ids', isElsewhere: true,
    hosts: ['claude.ai', '*.claude.ai', 'claude.com', '*.claude.com', 'anthropic.com', 'api.anthropic.com'],
    takes: 'ids (UUID) of organisations', spell: matching(GUID),
    source: 'https://support.claude.com/articles/13198485',
  },
]

/**
 * Every field of this kind that is known, also where nothing is ever put into it: no client says these. The last is
 * continued under the same name with a number (`anthropic-allowed-org-ids1`).
 */
export const RESTRICTION_NAMES: readonly string[] = [
  MICROSOFT.tenantsHeader, MICROSOFT.contextHeader, MICROSOFT.policyHeader, 'X-Goog-Allowed-Resources', 'OpenAI-Allowed-Organization-Ids',
  ...LISTS.flatMap(({ header, requester }) => requester === undefined ? [header] : [requester.header, header]),
]

/** Common servers take no longer field (Apache's LimitRequestFieldSize is 8,190 bytes, its name included). */
export const VALUE_MAX = 8_000

/** The ids that go into a field, in the allowlist's order: none twice, and no more than the field takes. `left`: how many did not go in. */
export function fit(
  names: readonly string[], spell: (name: string) => string | undefined, most = Number.POSITIVE_INFINITY,
): { readonly ids: readonly string[]; readonly left: number } {
  const all = [...new Set(names.map(spell).filter(id => id !== undefined))]
  let length = -1
  const ids = all.filter((id, i) => (length += id.length + 1) <= VALUE_MAX && i < most)
  return { ids, left: all.length - ids.length }
}

/** Whose tenants a field lists, by its lower-case name. */
export const RESTRICTED_BY: ReadonlyMap<string, RestrictedAccount> = new Map<string, RestrictedAccount>([
  ...LISTS.map(({ account, header }) => [header.toLowerCase(), account] as const),
  [MICROSOFT.tenantsHeader.toLowerCase(), 'microsoft'], [MICROSOFT.contextHeader.toLowerCase(), 'microsoft'],
])
