/** Policies and requests of a large organisation, for measuring decisions: varied rules, of which a request meets few. */
import type { Facts } from '../../policy/evaluate.ts'
import type { ClientClass, Standing } from '../../policy/operation.ts'
import { parsePolicy } from '../../policy/policy.ts'
import type { Policy } from '../../policy/policy.ts'

const PROVIDERS = ['dropbox', 'google-drive', 'onedrive', 'sharepoint', 'box', 's3', 'azure-blob', 'webdav'] as const
const HOSTS = ['content.dropboxapi.com', 'www.googleapis.com', 'graph.microsoft.com', 'contoso.sharepoint.com', 'upload.box.com',
  'files.s3.amazonaws.com', 'files.blob.core.windows.net', 'dav.example.com'] as const
const CLIENTS: readonly ClientClass[] = ['browser', 'sync-app', 'cli', 'library', 'script']
const STANDINGS: readonly Standing[] = ['sanctioned', 'unsanctioned', 'unknown']
const AGENTS = ['rclone/v1.60.1-DEV', 'curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0', 'python-requests/2.31', 'tool-7/1.0']

function at<T>(list: readonly T[], i: number): T {
  const value = list[i % list.length]
  if (value === undefined) throw new RangeError('an empty list')
  return value
}

export type Kind = (i: number) => { readonly when: object; readonly action: string; readonly mode?: string }

/** What the rules of a set take turns in. */
const KINDS: readonly Kind[] = [
  i => ({ when: { provider: at(PROVIDERS, i), activity: 'upload', tenant: `tenant-${i}` }, action: 'allow' }),
  i => ({ when: { activity: 'upload', tenant: [`partner-${i}`, `partner-${i}.example`], size: { atLeast: '10MB' } }, action: 'block' }),
  i => ({ when: { user: [`user-${i}@contoso.example`, `user-${i + 1}@contoso.example`], activity: ['upload', 'share'] }, action: 'log' }),
  i => ({ when: { group: `project-${i}`, provider: at(PROVIDERS, i), activity: 'upload' }, action: 'allow' }),
  i => ({ when: { host: `site-${i}.sharepoint.com`, activity: 'upload' }, action: 'block' }),
  i => ({ when: { host: `*.region-${i}.example.net`, method: ['PUT', 'POST'] }, action: 'block' }),
  i => ({ when: { provider: 'sharepoint', activity: 'upload', path: `/sites/department-${i}/**` }, action: 'log' }),
  i => ({ when: { activity: 'upload', userAgent: { contains: `agent-${i}/` } }, action: 'block' }),
  i => ({ when: { source: `10.${(i >> 8) % 250}.${i % 256}.0/24`, client: ['cli', 'script'], size: { atLeast: '1MB' } }, action: 'block' }),
  i => ({ when: { user: `leaver-${i}@contoso.example`, not: { tenant: 'sanctioned' } }, action: 'block', mode: 'monitor' }),
  i => ({ when: { group: `team-${i}`, fileName: ['*.pst', '*.kdbx'], activity: 'upload' }, action: 'block', mode: 'monitor' }),
  i => ({ when: { userAgent: { matches: `^tool-${i}/` }, activity: 'upload' }, action: 'log' }),
]

/** The last of every set, which many requests reach. */
const LAST = [
  { id: 'foreign', when: { activity: 'upload', tenant: 'unsanctioned' }, action: 'block', message: 'No.' },
  { id: 'note', when: { activity: 'upload' }, action: 'log' },
]

export function policyOf(count: number, rule: Kind): Policy {
  const rules = Array.from({ length: count - LAST.length }, (_, i) => ({ id: `r${i}`, ...rule(i) }))
  return parsePolicy({ default: 'allow', unknownTenant: 'log', rules: [...rules, ...LAST] })
}

export const varied: Kind = i => at(KINDS, i)(i)

/** Found by the program alone. */
export const AGENT_PATTERNS: Kind = i => ({ when: { userAgent: { matches: `(?i)robot-${i}(/|$)` } }, action: 'block' })

/** Policies whose rules name nothing but patterns or sizes. */
export const PATTERNS_ONLY: Readonly<Record<string, Kind>> = {
  'user agent patterns': AGENT_PATTERNS,
  'path globs, no first segment': i => ({ when: { path: `**/secret-${i}/*` }, action: 'block' }),
  'file name globs': i => ({ when: { activity: 'upload', fileName: `*-draft-${i}.*` }, action: 'block' }),
  'sizes alone': i => ({ when: { size: { atLeast: `${i + 1}GB` } }, action: 'block' }),
}

/** `count` requests, no two alike, a third to the tenants, users, groups and places that rules speak of. */
export function requests(count: number, rules: number): Facts[] {
  return Array.from({ length: count }, (_, n): Facts => {
    const i = (n * 7919) % rules
    const known = n % 3 === 0
    return {
      provider: at(PROVIDERS, n), activity: n % 5 === 0 ? 'list' : 'upload', step: 'single',
      size: { bytes: n * 4_096, is: n % 7 === 0 ? 'at-least' : 'exact' }, standing: at(STANDINGS, n),
      tenantIds: known ? [`tenant-${i}`] : [`elsewhere-${n}`], method: n % 2 === 0 ? 'PUT' : 'POST', userAgent: at(AGENTS, n),
      client: at(CLIENTS, n), ip: `10.${n % 250}.${n % 256}.${n % 200}`,
      user: known ? `user-${i}@contoso.example` : `person-${n}@contoso.example`, groups: ['staff', `team-${i}`, `project-${i}`],
      host: at(HOSTS, n), path: `/sites/department-${i}/Shared Documents/${n}/report.docx`, fileName: `report-${n}.docx`,
      fileNameIs: 'known', at: n * 1_000,
    }
  })
}
