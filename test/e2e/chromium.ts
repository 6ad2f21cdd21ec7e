/** Debian's Chromium, headless, with a home of its own in which only given roots are trusted besides its own. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import type { Page } from 'playwright-core'

const PROGRAM = '/usr/bin/chromium'
const CERTUTIL = '/usr/bin/certutil'

export interface ChromiumOptions {
  /** `--proxy-pac-url=…` or `--proxy-server=…`. */
  readonly proxy: string
  /** PEM files, trusted as roots for servers: all that a user of Sluice would import. */
  readonly roots: readonly string[]
  /** Further switches. */
  readonly args?: readonly string[]
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>
}

/** What Chromium says of the connection over which a page came. */
export interface Visit {
  readonly status: number
  /** As ALPN names it: `h2`, `http/1.1`. */
  readonly protocol: string
  /** The issuer's common name, as the page information shows it. */
  readonly issuer: string
  readonly leaf: X509Certificate
  readonly text: string
}

/** Of CDP's `Network.Response`. */
interface Received {
  readonly url: string
  readonly protocol?: string
  readonly securityDetails?: { readonly issuer: string }
}

export interface Chromium {
  readonly page: Page
  /** Opens a page. Rejects with Chromium's error (`net::ERR_…`) when nothing could be loaded. */
  visit(url: string): Promise<Visit>
  close(): Promise<void>
}

/** Why there is no Chromium to test with, or false. The answer fits tap's `skip`. */
export function noChromium(): string | false {
  const missing = [[PROGRAM, 'chromium'], [CERTUTIL, 'libnss3-tools']].filter(([program = '']) => !existsSync(program))
  return missing.length > 0 && `not installed: ${missing.map(([, name]) => name).join(', ')}`
}

export async function startChromium(options: ChromiumOptions): Promise<Chromium> {
  const home = await mkdtemp(join(tmpdir(), 'sluice-chromium-'))
  try {
    await trust(home, options.roots)
    return await launch(home, [options.proxy, ...options.args ?? []], options.env ?? {})
  } catch (error) {
    await rm(home, { recursive: true, force: true })
    throw error
  }
}

async function launch(home: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Chromium> {
  const context = await chromium.launchPersistentContext(join(home, 'profile'), {
    executablePath: PROGRAM,
    headless: true,
    // Root may not use the sandbox, and tests may run as root.
    chromiumSandbox: false,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, TMPDIR: tmpdir(), ...env },
    args: [
      ...args, '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-features=AutofillServerCommunication',
    ],
  })
  const close = async (): Promise<void> => {
    await context.close()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
  const page = context.pages()[0] ?? await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  // Without a window it calls itself `HeadlessChrome`, which is not a person's browser to Sluice.
  const { userAgent } = await session.send('Browser.getVersion')
  await session.send('Emulation.setUserAgentOverride', { userAgent: userAgent.replace('HeadlessChrome', 'Chrome') })
  const visit: Chromium['visit'] = async url => {
    const seen = new Map<string, { protocol: string; issuer: string }>()
    const note = ({ response }: { readonly response: Received }): void => {
      seen.set(response.url, { protocol: response.protocol ?? '', issuer: response.securityDetails?.issuer ?? '' })
    }
    session.on('Network.responseReceived', note)
    try {
      const response = await page.goto(url)
      const text = await page.innerText('body')
      const { tableNames: [der = ''] } = await session.send('Network.getCertificate', { origin: new URL(url).origin })
      const found = seen.get(url) ?? { protocol: '', issuer: '' }
      return { status: response?.status() ?? 0, ...found, leaf: new X509Certificate(Buffer.from(der, 'base64')), text }
    } finally {
      session.off('Network.responseReceived', note)
    }
  }
  return { page, visit, close }
}

/** Chromium on Linux takes further roots from the NSS database of the home directory. */
async function trust(home: string, roots: readonly string[]): Promise<void> {
  const dir = join(home, '.pki', 'nssdb')
  await mkdir(dir, { recursive: true })
  const certutil = (...args: string[]): Promise<unknown> => promisify(execFile)(CERTUTIL, ['-d', `sql:${dir}`, ...args])
  await certutil('-N', '--empty-password')
  for (const [i, root] of roots.entries()) await certutil('-A', '-n', `root ${i}`, '-t', 'C,,', '-i', root)
}
