/** The id of every consumer account: it belongs to no organisation. */
export const PERSONAL = 'personal'
