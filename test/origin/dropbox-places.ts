import type { Access } from './access.ts'
import { ACCOUNTS, SHARED } from './accounts.ts'
import { AccountRoots } from './account-roots.ts'
import { EndpointError } from './dropbox-errors.ts'
import type { Exchange } from './exchange.ts'
import { parseObject, text } from './json.ts'
import type { Item } from './tree.ts'

/** Whose paths a call's are, and below what they begin. */
export interface View {
  readonly access: Access
  /** What `/` is: the home, or what `Dropbox-API-Path-Root` names. */
  readonly base: Item
}

/**
 * The places of Dropbox' addresses: paths below the home, or below the namespace that `Dropbox-API-Path-Root` names
 * (https://developers.dropbox.com/dbx-team-files-guide), `ns:1001/path` and `id:AAAA/path`.
 */
export class DropboxPlaces {
  readonly roots = new AccountRoots({ id: n => `id:AAAAFAKE${String(n).padStart(6, '0')}`, sameNames: false }, 'id:AAAAFAKEjoint')

  /** Throws what the API answers to a namespace that is not the account's or not there. */
  view(exchange: Exchange, access: Access): View {
    const header = exchange.header('dropbox-api-path-root')
    const given = header === undefined ? {} : parseObject(header)
    const tag = text(given, '.tag') ?? 'home'
    if (tag === 'home') return { access, base: this.roots.root(access.account) }
    const base = this.#namespace(access, text(given, tag) ?? '')
    if (base === undefined) throw new EndpointError('no_permission/', { '.tag': 'no_permission' }, 422)
    const isOwn = base === this.roots.root(access.account)
    if (tag === 'root' && !isOwn) throw new EndpointError('invalid_root/', { '.tag': 'invalid_root' }, 422)
    return { access, base }
  }

  find(view: View, address: string): Item | undefined {
    const { from, names } = this.#start(view, address)
    return names.reduce<Item | undefined>((item, name) => item === undefined ? undefined : this.#step(view, item, name), from)
  }

  /** The folder, made where it is not there, and the name that an address writes to. */
  place(view: View, address: string): { folder: Item; name: string } {
    const { from, names } = this.#start(view, address)
    const name = names.at(-1)
    if (address === '' || address.endsWith('/')) throw malformed()
    if (name === undefined && from?.parent != null) return { folder: from.parent, name: from.name }
    if (from === undefined || name === undefined) throw malformed()
    return { folder: this.#folder(view, from, names.slice(0, -1)), name }
  }

  /** Makes the folders of an address that are not there. */
  folderAt(view: View, address: string): Item {
    const { from, names } = this.#start(view, address)
    if (from === undefined) throw malformed()
    return this.#folder(view, from, names)
  }

  /** An item's path as the view's account sees it. */
  pathOf(view: View, item: Item): string {
    if (item === view.base || item.parent === null) return ''
    return `${item === this.roots.shared ? '' : this.pathOf(view, item.parent)}/${item.name}`
  }

  /** What is in a folder, what is mounted there included. */
  kids({ access }: View, folder: Item): readonly Item[] {
    const mounted = folder === this.roots.root(access.account) && this.roots.sees(access) ? [this.roots.shared] : []
    return [...folder.kids.values(), ...mounted]
  }

  #start(view: View, address: string): { from: Item | undefined; names: readonly string[] } {
    const [head = '', ...rest] = address.split('/')
    const names = rest.filter(name => name !== '')
    if (head.startsWith('ns:')) return { from: this.#namespace(view.access, head.slice(3)), names }
    if (head.startsWith('id:')) {
      const item = this.roots.tree.byId(head)
      return { from: item !== undefined && this.roots.reaches(view.access, item) ? item : undefined, names }
    }
    return { from: head === '' ? view.base : undefined, names }
  }

  #step({ access }: View, item: Item, name: string): Item | undefined {
    const isHome = item === this.roots.root(access.account)
    const isMount = isHome && this.roots.sees(access) && name.toLowerCase() === SHARED.name.toLowerCase()
    return isMount ? this.roots.shared : this.roots.tree.child(item, name)
  }

  #folder(view: View, from: Item, names: readonly string[]): Item {
    return names.reduce((folder, name) => this.#step(view, folder, name) ?? this.roots.tree.add(folder, { name }), from)
  }

  #namespace(access: Access, id: string): Item | undefined {
    const owner = Object.values(ACCOUNTS).find(({ dropbox }) => dropbox.namespace === id)
    const item = id === SHARED.dropbox ? this.roots.shared : owner === undefined ? undefined : this.roots.root(owner)
    return item !== undefined && this.roots.reaches(access, item) ? item : undefined
  }
}

function malformed(): EndpointError {
  return new EndpointError('path/malformed_path/', { '.tag': 'path', reason: { '.tag': 'malformed_path' } })
}
