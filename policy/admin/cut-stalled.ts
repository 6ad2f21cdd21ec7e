import type { ServerResponse } from 'node:http'

/** Ends an answer of which its client has taken nothing for `ms` milliseconds (twice that at most), so that it holds no place for ever. */
export function cutStalled(response: ServerResponse, ms: number): void {
  let isWaiting = false
  const taken = (): void => { isWaiting = false }
  const timer = setInterval(() => {
    if (isWaiting) response.destroy()
    isWaiting = response.writableNeedDrain
  }, ms).unref()
  response.on('drain', taken)
  response.once('close', () => clearInterval(timer))
}
