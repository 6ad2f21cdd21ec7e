/** What requests write to (`WrittenPlace`), put together from the places that they name. */
import type { WrittenPlace } from './provider.ts'

export const OWN: WrittenPlace = { is: 'own' }
export const UNSEEN: WrittenPlace = { is: 'unseen' }

/** As many as a batch of Dropbox or SharePoint may write to. */
const MOST_IDS = 1000
/** Characters of an id of a provider. */
const LONGEST_ID = 256

export function named(...ids: readonly string[]): WrittenPlace {
  return ids.length > 0 && ids.length <= MOST_IDS && ids.every(id => id !== '' && id.length <= LONGEST_ID) ? { is: 'named', ids } : UNSEEN
}

/** All of several places. The own root and a named place together have no one owner that could be told: unseen, as none at all. */
export function allOf(places: readonly WrittenPlace[]): WrittenPlace {
  const [first] = places
  if (first === undefined) return UNSEEN
  if (places.every(({ is }) => is === 'own')) return OWN
  return places.every(({ is }) => is === 'named')
    ? named(...new Set(places.flatMap(place => place.is === 'named' ? place.ids : []))) : UNSEEN
}
