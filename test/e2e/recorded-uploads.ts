import type { Action, Provider, Size, Step } from '../../policy/operation.ts'
import type { Recorded } from './recorded.ts'

/** What the events say of an upload, in short. */
export interface RecordedUpload {
  readonly action: Action
  readonly provider: Provider
  readonly step: Step
  /** The file's name, where the request told it; with several, all of them. */
  readonly name: string | undefined
  readonly size: Size
}

/** The uploads among events, in their order. */
export function uploadsOf(events: readonly Recorded[]): readonly RecordedUpload[] {
  return events.flatMap(({ event, file, sluice: { action, operation } }) => event.action !== 'upload' || operation === undefined ? [] : [{
    action, provider: operation.provider, step: operation.step, name: typeof file?.name === 'object' ? file.name.join(', ') : file?.name, size: operation.size,
  }])
}

/** In the order of their names, for what comes in no certain order; those of one name stay as they are. */
export function byName<T extends { readonly name: string | undefined }>(list: readonly T[]): readonly T[] {
  return [...list].sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''))
}
