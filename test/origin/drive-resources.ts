import type { Access } from './access.ts'
import { ACCOUNTS, SHARED } from './accounts.ts'
import type { Account, AccountName } from './accounts.ts'
import type { AccountRoots } from './account-roots.ts'
import type { JsonObject } from './json.ts'
import type { Item } from './tree.ts'

const FOLDER = 'application/vnd.google-apps.folder'

/** Drive's files as an account sees them. A file is its maker's, also in a folder that another shares. */
export class DriveResources {
  readonly #roots: AccountRoots
  readonly #makers = new WeakMap<Item, AccountName>()

  constructor(roots: AccountRoots) {
    this.#roots = roots
    roots.shared.mimeType = FOLDER
  }

  madeBy(item: Item, { name }: Account): Item {
    this.#makers.set(item, name)
    return item
  }

  resource(access: Access, item: Item): JsonObject {
    const owner = this.#ownerOf(item)
    const folderType = item.parent === null ? FOLDER : item.mimeType
    const common = {
      kind: 'drive#file', id: item.id, name: item.parent === null ? 'My Drive' : item.name,
      mimeType: item.content === null ? folderType : item.mimeType ?? 'application/octet-stream',
      createdTime: item.created, modifiedTime: item.modified, trashed: item.trashed, explicitlyTrashed: item.trashed,
      ...(this.#seesParent(access, item) ? { parents: item.parent === null ? [] : [item.parent.id] } : {}),
      ownedByMe: owner === access.account, owners: [user(owner, access)], shared: this.#roots.isShared(item),
    }
    if (item.content === null) return common
    return {
      ...common, size: String(item.content.size), md5Checksum: item.content.md5, sha256Checksum: item.content.sha256,
      webViewLink: `https://drive.google.com/file/d/${item.id}/view`,
    }
  }

  /** What a term of a query compares with. */
  field(access: Access, item: Item, name: string): string | readonly string[] | boolean | undefined {
    switch (name) {
      case 'name': return item.name
      case 'mimeType': return item.mimeType
      case 'trashed': return item.trashed
      case 'sharedWithMe': return item === this.#roots.shared && access.account === SHARED.with
      case 'parents': {
        if (item.parent === null || !this.#seesParent(access, item)) return []
        return item.parent === this.#roots.root(access.account) ? [item.parent.id, 'root'] : [item.parent.id]
      }
      default: throw new SyntaxError(`q: the stand-in does not know the field "${name}"`)
    }
  }

  #ownerOf(item: Item): Account {
    const maker = this.#makers.get(item)
    return maker === undefined ? this.#roots.ownerOf(item) : ACCOUNTS[maker]
  }

  /** What is above a folder that is shared, its others do not see. */
  #seesParent(access: Access, item: Item): boolean {
    return item.parent === null || this.#roots.reaches(access, item.parent)
  }
}

/** What `about` tells of whose the credential is. */
export function about(access: Access): JsonObject {
  return {
    kind: 'drive#about', user: user(access.account, access),
    storageQuota: { limit: '1000000000000', usage: '0', usageInDrive: '0', usageInDriveTrash: '0' },
  }
}

function user({ person, google }: Account, { account }: Access): JsonObject {
  const me = account.google === google
  return { kind: 'drive#user', displayName: person, emailAddress: google.email, permissionId: google.id, me }
}
