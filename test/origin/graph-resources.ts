import type { Drive } from './graph-drives.ts'
import type { JsonObject } from './json.ts'
import type { Item } from './tree.ts'

/** Where the progress of a long-running action can be watched. */
export function monitor(drive: Drive, item: Item): Readonly<Record<string, string>> {
  return { location: `https://${drive.host}/_api/v2.0/monitor/${encodeURIComponent(item.id)}` }
}

export function driveResource({ id, type, owner, host, base }: Drive): JsonObject {
  const quota = { deleted: 0, remaining: 1e12, state: 'normal', total: 1e12, used: 0 }
  const { microsoft: { object, email }, person } = owner
  return {
    id, driveType: type, name: type === 'documentLibrary' ? 'Documents' : 'OneDrive', webUrl: `https://${host}${base}/Documents`,
    owner: { user: { id: object, displayName: person, email } }, quota,
  }
}

/** A driveItem as Graph tells it. */
export function resource(drive: Drive, item: Item): JsonObject {
  const { tree, id, type, host, base } = drive
  const up = item.parent
  const kind = item.content === null
    ? { folder: { childCount: item.kids.size }, ...(up === null ? { root: {} } : {}) }
    : { file: { mimeType: 'application/octet-stream', hashes: {} } }
  return {
    id: item.id, name: up === null ? 'root' : item.name, size: item.content?.size ?? 0, eTag: `"${item.id},1"`,
    createdDateTime: item.created, lastModifiedDateTime: item.modified,
    fileSystemInfo: { createdDateTime: item.created, lastModifiedDateTime: item.modified },
    webUrl: `https://${host}${base}${encodeURI(tree.pathOf(item))}`,
    parentReference: {
      driveId: id, driveType: type, ...(up === null ? {} : { id: up.id, path: `/drives/${id}/root:${encodeURI(tree.pathOf(up))}` }),
    },
    ...kind,
  }
}

/** The answer to `delta` (https://learn.microsoft.com/graph/api/driveitem-delta) that begins anew: all that is there. */
export function delta(drive: Drive, from: Item): JsonObject {
  const below = (item: Item): readonly Item[] => [item, ...[...item.kids.values()].flatMap(below)]
  const link = `https://graph.microsoft.com/v1.0/drives/${drive.id}/items/${from.id}/delta?token=FAKE`
  return { '@odata.deltaLink': link, value: below(from).map(item => resource(drive, item)) }
}
