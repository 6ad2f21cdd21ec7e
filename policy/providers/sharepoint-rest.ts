import type { Activity, Step } from '../operation.ts'
import type { ListedEndpoint } from './provider.ts'
import { queryValue } from './query.ts'
import { byteCount } from './size.ts'
import { baseName } from './text.ts'

/**
 * SharePoint's older REST API, `/_api/web/…`: functions in the path, in any case, with quoted arguments that may hold
 * slashes or point into the query (`add(url=@f)?@f='name'`).
 * Sources: SharePoint REST reference "Files and folders"; five and more independent clients in public code.
 */
export interface RestCall {
  readonly step: Step
  readonly fileName: string | undefined
  readonly session?: string | undefined
  readonly offset?: number | undefined
}

/** Upload functions, by lower-case name; those in `AFTER` count only behind the segments named there. */
const STEPS: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['add', 'single'], ['addusingpath', 'single'], ['addimage', 'single'], ['savebinarystream', 'single'],
  ['uploadimage', 'single'], ['addimagefromexternalurl', 'copy-in'],
  ['startupload', 'start'], ['startuploadfile', 'start'], ['continueupload', 'chunk'], ['finishupload', 'finish'],
  ['uploadwithchecksum', 'chunk'], ['finishuploadwithchecksum', 'finish'], ['cancelupload', 'cancel'],
])
const AFTER: ReadonlyMap<string, readonly string[]> = new Map([
  ['add', ['files', 'attachmentfiles']],
  ['addusingpath', ['files', 'attachmentfiles']],
])

/** The upload that a path calls; undefined when it calls none. Any segment counts: more may follow the call. */
export function readRestCall(path: string, query: string): RestCall | undefined {
  const marker = path.toLowerCase().indexOf('/_api/')
  if (marker < 0) return undefined
  // Quoted texts out of the way, so that a slash separates segments.
  const segments = path.slice(marker + 6).replace(/'[^']*'/g, "''").split('/')
  for (let i = segments.length - 1; i >= 0; i--) {
    const name = functionName(segments[i])
    const step = STEPS.get(name)
    const behind = AFTER.get(name)
    if (step === undefined || (behind !== undefined && !behind.includes(functionName(segments[i - 1])))) continue
    return {
      step,
      fileName: argumentName(path, query, step),
      session: argument(path, query, 'uploadid')?.replace(/^guid/i, '').replaceAll("'", ''),
      offset: byteCount(argument(path, query, 'fileoffset')),
    }
  }
  return undefined
}

/** What other functions do, by lower-case name. */
const FUNCTIONS: ReadonlyMap<string, Activity> = new Map<string, Activity>([
  ['recycle', 'delete'], ['deleteobject', 'delete'], ['deletewithparameters', 'delete'],
  ['moveto', 'change'], ['movetousingpath', 'change'], ['copyto', 'change'], ['copytousingpath', 'change'],
  ['checkin', 'change'], ['checkout', 'change'], ['publish', 'change'], ['folders', 'change'],
  ['addstubusingpath', 'change'], ['getbypathoraddstub', 'change'], ['addtemplatefile', 'change'], ['validateupdatelistitem', 'change'],
  ['validateupdatefetchlistitem', 'change'], ['addvalidateupdateitemusingpath', 'change'], ['createcopyjobs', 'change'],
  ['sp.movecopyutil.copyfile', 'change'], ['sp.movecopyutil.copyfilebypath', 'change'],
  ['sp.movecopyutil.movefile', 'change'], ['sp.movecopyutil.movefilebypath', 'change'],
  ['sharelink', 'share'], ['unsharelink', 'share'], ['sp.web.shareobject', 'share'], ['sp.web.unshareobject', 'share'],
  ['renderlistdataasstream', 'list'], ['getitems', 'list'], ['getchanges', 'list'], ['getlistitemchangessincetoken', 'list'],
  ['getsharinginformation', 'list'], ['sp.web.getobjectsharingsettings', 'list'], ['getcopyjobprogress', 'list'], ['postquery', 'list'],
  // Behind anything but files: those of files are uploads, and were read before.
  ['add', 'change'], ['addusingpath', 'change'], ['addsubfolder', 'change'], ['addsubfolderusingpath', 'change'],
  ['lists', 'change'], ['items', 'change'], ['comments', 'change'],
  ['undocheckout', 'change'], ['unpublish', 'change'], ['approve', 'change'], ['deny', 'change'],
  ['restore', 'change'], ['restorebylabel', 'change'], ['restorebyids', 'change'],
  ['deletebylabel', 'delete'], ['deletebyid', 'delete'], ['deleteall', 'delete'],
  ['sp.movecopyutil.copyfolder', 'change'], ['sp.movecopyutil.copyfolderbypath', 'change'],
  ['sp.movecopyutil.movefolder', 'change'], ['sp.movecopyutil.movefolderbypath', 'change'],
  ['breakroleinheritance', 'share'], ['resetroleinheritance', 'share'], ['addroleassignment', 'share'], ['removeroleassignment', 'share'],
  ['sp.web.createanonymouslink', 'share'], ['sp.web.createanonymouslinkwithexpiration', 'share'],
  ['sp.web.createorganizationsharinglink', 'share'],
  ['sp.sharing.documentsharingmanager.updatedocumentsharinginfo', 'share'],
])

/** The functions as rows for people. No recorded client calls them. */
export function listCalls(): readonly ListedEndpoint[] {
  const source = 'SharePoint REST reference'
  const place = (name: string) => `/_api/web/…/${AFTER.get(name)?.map(behind => `${behind}/`).join(' or ') ?? ''}${name}(…)`
  return [
    ...[...STEPS].map(([name, step]): ListedEndpoint => ({
      methods: ['POST'], path: place(name), activity: step === 'cancel' ? 'other' : 'upload', step, source, unproven: true,
    })),
    ...[...FUNCTIONS].map(([name, activity]): ListedEndpoint => ({
      methods: ['POST'], path: `/_api/web/…/${name}(…)`, activity, step: 'single', source, unproven: true,
    })),
  ]
}

/** What a call does that brings no content: its last function decides. */
export function restActivity(path: string): Activity | undefined {
  const last = path.slice(-1024).replace(/'[^']*'/g, "''").split('/').at(-1)
  return FUNCTIONS.get(functionName(last))
}

const ADDRESS_ALIAS = /\(\s{0,4}(?:decodedurl\s{0,4}=\s{0,4})?(@[a-z0-9_]{1,32})/gi

/** The name of the file that `GetFileByServerRelativeUrl('…')/$value` or `Files/AddStubUsingPath(…)/StartUpload(…)` addresses. */
export function addressedName(path: string, query: string): string | undefined {
  // The last one: a folder may stand before it.
  const alias = [...path.matchAll(ADDRESS_ALIAS)].at(-1)?.[1]
  const quoted = alias === undefined ? lastQuoted(path) : queryValue(query, alias)
  return quoted === undefined ? undefined : baseName(unquote(quoted))
}

function functionName(segment: string | undefined): string {
  const bracket = segment?.indexOf('(') ?? -1
  return (bracket < 0 ? segment ?? '' : segment?.slice(0, bracket) ?? '').trim().toLowerCase()
}

function argumentName(path: string, query: string, step: Step): string | undefined {
  if (step !== 'single') return addressedName(path, query)
  const all = ['decodedurl', 'url', 'filename', 'imagename'].map(name => argument(path, query, name, true))
  const named = all.find(text => text !== undefined)
  return named === undefined ? undefined : baseName(unquote(named))
}

/** `=` and an alias, a text, a GUID or a number. */
const VALUE = /^\s{0,4}=\s{0,4}(@[a-z0-9_]{1,32}|(?:guid)?'(?:[^']|'')*'|\d{1,16})/i

/** The last value of a named argument, its alias resolved; `quoted` asks for texts only. */
function argument(path: string, query: string, name: string, quoted = false): string | undefined {
  const lower = path.toLowerCase()
  for (let at = lower.lastIndexOf(name); at > 0; at = lower.lastIndexOf(name, at - 1)) {
    if (!'(, '.includes(lower.charAt(at - 1))) continue
    const value = VALUE.exec(path.slice(at + name.length))?.[1]
    if (value === undefined) continue
    const resolved = value.startsWith('@') ? queryValue(query, value) : value
    if (resolved !== undefined && (!quoted || resolved.startsWith("'"))) return resolved
  }
  return undefined
}

/** The last quoted text that is not a GUID. */
function lastQuoted(path: string): string | undefined {
  return [...path.matchAll(/(?:guid)?'(?:[^']|'')*'/gi)].map(([text]) => text).findLast(text => text.startsWith("'"))
}

/** OData doubles a quote within a text. */
function unquote(text: string): string {
  return text.replace(/^'|'$/g, '').replaceAll("''", "'")
}
