/** What is done to a drive's item, on Graph, OneDrive's own API and SharePoint's `_api/v2.x` alike. */
import type { Activity, Step } from '../operation.ts'
import type { ListedEndpoint } from './provider.ts'

/** One action on a drive item: what it is for a method. `source`: where that comes from. */
export interface Action {
  readonly methods: string
  readonly action: string
  readonly activity: Activity
  readonly step: Step
  readonly source: string
}

const WIRE = 'rclone and Graph SDK, recorded'
const DOC = 'Microsoft Graph reference, driveItem'
const API2 = 'OneDrive API reference'

/**
 * By the last segment of an item's address; the first row wins, `*` is any action. Size: `Content-Length`,
 * `Content-Range` in sessions, `item.fileSize` in a session's start. Name: the address, else JSON `name`.
 */
const actions: readonly Action[] = [
  { methods: 'PUT POST PATCH', action: 'content', activity: 'upload', step: 'single', source: WIRE },
  { methods: 'PUT POST PATCH', action: 'contentstream', activity: 'upload', step: 'single', source: 'Graph beta' },
  { methods: 'PUT PATCH', action: '$value', activity: 'upload', step: 'single', source: 'SharePoint REST reference' },
  { methods: 'POST PUT', action: 'createuploadsession', activity: 'upload', step: 'start', source: WIRE },
  { methods: 'POST PUT', action: 'createsession', activity: 'upload', step: 'start', source: API2 },
  { methods: 'PUT PATCH', action: 'uploadsession', activity: 'upload', step: 'chunk', source: WIRE },
  { methods: 'POST', action: 'uploadsession', activity: 'upload', step: 'finish', source: DOC },
  { methods: 'GET HEAD', action: 'uploadsession', activity: 'other', step: 'status', source: WIRE },
  { methods: 'DELETE', action: 'uploadsession', activity: 'other', step: 'cancel', source: WIRE },
  { methods: 'POST', action: '$batch', activity: 'upload', step: 'batch', source: WIRE },
  { methods: 'POST', action: 'children', activity: 'change', step: 'single', source: WIRE },
  { methods: 'POST', action: 'createlink', activity: 'share', step: 'single', source: WIRE },
  { methods: 'POST', action: 'invite', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST PATCH DELETE', action: 'permissions', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST', action: 'revokegrants', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST', action: 'preview', activity: 'list', step: 'single', source: DOC },
  { methods: 'POST', action: 'extractsensitivitylabels', activity: 'list', step: 'single', source: DOC },
  { methods: 'DELETE', action: 'retentionlabel', activity: 'change', step: 'single', source: DOC },
  { methods: 'POST', action: 'grant', activity: 'share', step: 'single', source: DOC },
  { methods: 'POST', action: 'permanentdelete', activity: 'delete', step: 'single', source: DOC },
  { methods: 'POST', action: 'subscriptions', activity: 'other', step: 'single', source: DOC },
  { methods: 'POST', action: 'delta', activity: 'list', step: 'single', source: DOC },
  { methods: 'POST', action: 'search', activity: 'list', step: 'single', source: DOC },
  { methods: 'GET HEAD', action: 'content', activity: 'download', step: 'single', source: WIRE },
  { methods: 'GET HEAD', action: 'contentstream', activity: 'download', step: 'single', source: WIRE },
  { methods: 'GET HEAD', action: '$value', activity: 'download', step: 'single', source: 'SharePoint REST reference' },
  { methods: 'DELETE', action: '*', activity: 'delete', step: 'single', source: WIRE },
  { methods: 'POST PATCH MERGE', action: '*', activity: 'change', step: 'single', source: WIRE },
  // `@microsoft.graph.sourceUrl` commits a session whose commit was deferred.
  { methods: 'PUT', action: '', activity: 'upload', step: 'finish', source: DOC },
  { methods: 'GET HEAD', action: '*', activity: 'list', step: 'single', source: WIRE },
]

/** The rows of a method: the first of each action, of none, and the one of those that no row names. */
interface MethodActions {
  readonly named: ReadonlyMap<string, Action>
  readonly none: Action | undefined
  readonly other: Action | undefined
}

const byMethod: ReadonlyMap<string, MethodActions> = new Map(
  [...new Set(actions.flatMap(row => row.methods.split(' ')))].map(method => [method, indexActions(method)]),
)

function indexActions(method: string): MethodActions {
  const rows = actions.filter(({ methods }) => methods.split(' ').includes(method))
  const star = rows.findIndex(({ action }) => action === '*')
  // What stands behind a `*` is never read.
  const read = star < 0 ? rows : rows.slice(0, star)
  const named = new Map(read.toReversed().map(row => [row.action, row]))
  return { named, none: named.get('') ?? rows[star], other: rows[star] }
}

/** The row of a method and an item's action. */
export function findAction(method: string, action: string): Action | undefined {
  const rows = byMethod.get(method)
  if (rows === undefined) return undefined
  return action === '' ? rows.none : rows.named.get(action) ?? rows.other
}

/** The same, for people. */
export function listActions(): readonly ListedEndpoint[] {
  const rows = actions.map(({ methods, action, activity, step, source }): ListedEndpoint => ({
    methods: methods.split(' '), path: `{item}${action === '' ? '' : `/${action}`}`, activity, step, source, unproven: source !== WIRE,
  }))
  return [...rows, ...typed, { methods: ['PUT', 'POST'], path: '/up/{key}, /rup/{key}', activity: 'upload', step: 'chunk', source: DOC, unproven: true }]
}

/** Documents that are typed into through Graph. */
const typed: readonly ListedEndpoint[] = ['{item}/workbook/**', '/**/onenote/**'].map(path => ({
  methods: ['POST', 'PATCH', 'PUT'], path, activity: 'edit', step: 'single', source: 'Microsoft Graph reference', unproven: true,
}))
