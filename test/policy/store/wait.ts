import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `check` answers true; fails after `deadlineMs`, naming what was waited for. */
export async function until(what: string, check: () => boolean | Promise<boolean>, deadlineMs = 5_000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!await check()) {
    if (Date.now() > end) throw new Error(`Waited ${deadlineMs} ms in vain: ${what}`)
    await sleep(20)
  }
}
