import { SluiceError } from './errors.ts'

/** Deeper than any document that is patched; a hostile patch must not exhaust the stack. */
const MAX_DEPTH = 12

/**
 * JSON Merge Patch (RFC 7396): members of `patch` replace those of `target`, null takes them away, objects are merged, and
 * lists are replaced whole. Changes neither. Throws `admin.invalid` for a patch of more than 12 levels.
 */
export function mergePatch(target: unknown, patch: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) {
    throw new SluiceError('admin.invalid', `The patch is nested more than ${MAX_DEPTH} levels deep.`, 'Send a flatter one.',
      { faults: [{ path: '', message: `is nested more than ${MAX_DEPTH} levels deep` }] })
  }
  if (!isObject(patch)) return patch
  const merged = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergePatch(merged.get(key), value, depth + 1))
  }
  return Object.fromEntries(merged)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
