/** A page of ours as people find it: a screenshot for whoever wants to look, and what axe-core says of it. */
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

const SHOTS = join(import.meta.dirname, '../../.screenshots')
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** Rules of axe that the page breaks in a way that is serious or critical; `name` is the screenshot's. */
export async function seriousFaults(page: Page, name: string): Promise<unknown> {
  await mkdir(SHOTS, { recursive: true })
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
  // By the debugger, which the content security policy does not bind.
  await page.evaluate(await readFile(AXE, 'utf8'))
  return page.evaluate('axe.run().then(({ violations }) => violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id }) => id))')
}

/** What the page's console tells of as errors, from now on; what violates a content security policy is among it. */
export function listen(page: Page): string[] {
  const said: string[] = []
  page.on('console', (message) => { if (message.type() === 'error') said.push(message.text()) })
  page.on('pageerror', (error) => said.push(error.message))
  return said
}
