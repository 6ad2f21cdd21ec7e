import { SluiceError } from '../errors.ts'

/** `where` names the file or key that holds what cannot be read. */
export function corrupt(where: string, why: string): SluiceError {
  return new SluiceError('store.corrupt', `${where} is damaged: ${why}.`,
    'Restore it from a backup or move it away; nothing was overwritten.')
}
