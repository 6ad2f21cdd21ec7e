/** Where a part reports what happened to it. Messages never hold secrets. */
export type Log = (level: 'info' | 'warn' | 'error', message: string) => void
