import { ACCOUNTS, DEFAULT_ACCOUNT, SHARED } from './accounts.ts'
import type { Account, AccountName } from './accounts.ts'
import type { Access } from './access.ts'
import type { StoredFile } from './stand-in.ts'
import { Tree } from './tree.ts'
import type { Item, TreeOptions } from './tree.ts'

/** The roots of all accounts of a service, in one tree, and the folder that one of them shares with another. */
export class AccountRoots {
  readonly tree: Tree
  /** fabrikam's folder in which contoso's person may write too. */
  readonly shared: Item
  readonly #roots: ReadonlyMap<AccountName, Item>

  constructor(options: TreeOptions, sharedId: string) {
    this.tree = new Tree(options)
    this.#roots = new Map(Object.values(ACCOUNTS).map(({ name }) =>
      [name, name === DEFAULT_ACCOUNT.name ? this.tree.root : this.tree.addRoot(`${this.tree.root.id}-${name}`)]))
    this.shared = this.tree.add(this.root(SHARED.owner), { name: SHARED.name, id: sharedId })
  }

  root(account: Account): Item {
    return this.#roots.get(account.name) ?? this.tree.root
  }

  /** Whose place an item is in. */
  ownerOf(item: Item): Account {
    const top = topOf(item)
    return Object.values(ACCOUNTS).find(account => this.root(account) === top) ?? DEFAULT_ACCOUNT
  }

  isShared(item: Item): boolean {
    for (let at: Item | null = item; at !== null; at = at.parent) if (at === this.shared) return true
    return false
  }

  /** Whether an account may read and write an item: it is its own, or shared with it. */
  reaches({ account }: Access, item: Item): boolean {
    return topOf(item) === this.root(account) || account === SHARED.with && this.isShared(item)
  }

  /** Whether an account has the shared folder from another, and sees it among its own. */
  sees({ account, isDefault }: Access): boolean {
    return account === SHARED.with && !isDefault
  }

  stored(provider: StoredFile['provider']): readonly StoredFile[] {
    return [...this.tree.items()].flatMap(item => item.content === null || item.trashed ? [] : [{
      provider, account: this.ownerOf(item).name, path: this.tree.pathOf(item), name: item.name,
      size: item.content.size, sha256: item.content.sha256,
    }])
  }
}

function topOf(item: Item): Item {
  return item.parent === null ? item : topOf(item.parent)
}
