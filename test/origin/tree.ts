import { dropContent } from './content.ts'
import type { Content } from './content.ts'

/** A file (it has content) or a folder. Times are ISO 8601, UTC. */
export interface Item {
  readonly id: string
  name: string
  parent: Item | null
  content: Content | null
  mimeType: string | undefined
  created: string
  modified: string
  trashed: boolean
  /** By the tree's key. */
  readonly kids: Map<string, Item>
}

export interface NewItem {
  readonly name: string
  /** Where it has to be known beforehand; else the tree gives one. */
  readonly id?: string
  readonly content?: Content
  readonly mimeType?: string | undefined
  readonly created?: string | undefined
  readonly modified?: string | undefined
}

/** How a provider names its items, and whether two of one folder may have the same name. */
export interface TreeOptions {
  readonly id: (n: number) => string
  readonly sameNames: boolean
}

/** The files and folders of one drive, or of the accounts of a service, each below a root of its own. Names are compared without case. */
export class Tree {
  readonly root: Item
  readonly #items = new Map<string, Item>()
  readonly #options: TreeOptions
  /** Contents that two items refer to: they are not freed when one of them goes. */
  readonly #shared = new Set<Content>()
  #count = 0

  constructor(options: TreeOptions) {
    this.#options = options
    this.root = this.#make({ name: '' }, null)
  }

  /** One more root, for another account. */
  addRoot(id: string): Item {
    return this.#make({ name: '', id }, null)
  }

  byId(id: string): Item | undefined {
    return this.#items.get(id)
  }

  child(parent: Item, name: string): Item | undefined {
    return parent.kids.get(name.toLowerCase())
  }

  /** The item at a path below `from`; empty segments do not count. */
  at(path: string, from: Item = this.root): Item | undefined {
    let item: Item | undefined = from
    for (const name of segments(path)) item = item === undefined ? undefined : this.child(item, name)
    return item
  }

  /** Makes the folders of a path that are not there, and returns the last. */
  folderAt(path: string, from: Item = this.root): Item {
    return segments(path).reduce((folder, name) => this.child(folder, name) ?? this.add(folder, { name }), from)
  }

  /** Adds to a folder; where names are unique, a file takes the place of its namesake and keeps its id. */
  add(parent: Item, made: NewItem): Item {
    const there = this.#options.sameNames ? undefined : this.child(parent, made.name)
    if (there !== undefined && made.content !== undefined) return this.replace(there, made.content, made.modified)
    return there ?? this.#make(made, parent)
  }

  replace(item: Item, content: Content, modified?: string): Item {
    this.#free(item)
    item.content = content
    item.modified = modified ?? new Date().toISOString()
    return item
  }

  move(item: Item, parent: Item, name: string): Item {
    item.parent?.kids.delete(this.#key(item))
    item.name = name
    item.parent = parent
    parent.kids.set(this.#key(item), item)
    return item
  }

  copy(item: Item, parent: Item, name: string): Item {
    if (item.content !== null) this.#shared.add(item.content)
    const { content, mimeType, created, modified } = item
    const made = this.add(parent, { name, mimeType, created, modified, ...(content === null ? {} : { content }) })
    for (const kid of item.kids.values()) this.copy(kid, made, kid.name)
    return made
  }

  remove(item: Item): void {
    for (const kid of [...item.kids.values()]) this.remove(kid)
    item.parent?.kids.delete(this.#key(item))
    this.#items.delete(item.id)
    this.#free(item)
  }

  pathOf(item: Item): string {
    return item.parent === null ? '' : `${this.pathOf(item.parent)}/${item.name}`
  }

  items(): IterableIterator<Item> {
    return this.#items.values()
  }

  #make(made: NewItem, parent: Item | null): Item {
    const now = new Date().toISOString()
    const item: Item = {
      id: made.id ?? this.#options.id(++this.#count),
      name: made.name,
      parent,
      content: made.content ?? null,
      mimeType: made.mimeType,
      created: made.created ?? now,
      modified: made.modified ?? now,
      trashed: false,
      kids: new Map(),
    }
    this.#items.set(item.id, item)
    parent?.kids.set(this.#key(item), item)
    return item
  }

  #key(item: Item): string {
    return this.#options.sameNames ? item.id : item.name.toLowerCase()
  }

  #free(item: Item): void {
    const content = item.content
    if (content === null || this.#shared.has(content)) return
    dropContent(content).catch((error: unknown) => process.emitWarning(`stand-in: a content was not freed: ${String(error)}`))
  }
}

function segments(path: string): readonly string[] {
  return path.split('/').filter(name => name !== '')
}
