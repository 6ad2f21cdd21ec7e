import type { KeyObject } from 'node:crypto'
import { readKeyFile } from '../store/key-file.ts'
import type { KeySource } from '../store/key-file.ts'

/**
 * The key under which credentials and places are hashed. All nodes that share a store need the same. Throws
 * `binding-key.unreadable` or `binding-key.weak`, naming the file.
 */
export function readBindingKey(source: KeySource): Promise<KeyObject> {
  return readKeyFile({
    what: 'The key of the bindings', name: 'tenant.key', setting: 'tenants.keyFile', unreadable: 'binding-key.unreadable', weak: 'binding-key.weak',
  }, source)
}
