/**
 * Which kind of program sends a request, as far as its User-Agent tells. Anyone can write any User-Agent: the class
 * is a hint for rules that deny, and never by itself a reason to allow.
 */
import { remember } from './memo.ts'
import type { ClientClass } from './operation.ts'

interface Product {
  readonly class: ClientClass
  /** Lower case. Fixed texts, so that a look-up is linear in the User-Agent whatever it holds. */
  readonly token: string
  /** `start`: the User-Agent begins with it; `anywhere`: it may stand behind other products. */
  readonly at: 'start' | 'anywhere'
  /** Where the form comes from. */
  readonly source: string
}

function products(kind: ClientClass, at: Product['at'], source: string, tokens: readonly string[]): readonly Product[] {
  return tokens.map(token => ({ class: kind, token, at, source }))
}

/** The first that fits wins: what a program calls itself comes before the library it was built with. */
const PRODUCTS: readonly Product[] = [
  ...products('sync-app', 'anywhere', 'Microsoft 365 audit log: "Microsoft SkyDriveSync 24.005.0117 ship; Windows NT"',
    ['microsoft skydrivesync', 'onedrivesync', 'onedrivempc']),
  ...products('sync-app', 'start', 'Dropbox desktop: "DropboxDesktopClient/187.4.6204 (Windows; 10; x64; en_US)"',
    ['dropboxdesktopclient', 'dropbox/']),
  ...products('sync-app', 'anywhere', 'names the desktop programs give themselves',
    ['googledrivefs', 'megasync', 'boxsync', 'box sync', 'boxdrive', 'box drive', 'pcloud drive']),
  ...products('sync-app', 'start', 'iCloud for Windows and the macOS daemons behind it',
    ['icloud', 'cloudkit', 'cloudd/', 'bird/']),

  ...products('library', 'start', 'curl.se, "libcurl-agent/1.0" of its examples; not the curl tool', ['libcurl']),
  ...products('cli', 'start', 'rclone docs, --user-agent: "rclone/v1.60.1-DEV"; Debian sends "rclone/"', ['rclone/']),
  ...products('cli', 'start', 'curl.se and gnu.org manuals', ['curl/', 'wget/', 'wget2/', 'httpie/', 'xh/', 'aria2/']),
  ...products('cli', 'anywhere', 'abraunegg/onedrive: "ISV|abraunegg|OneDrive Client for Linux/v2.5.5"', ['abraunegg']),
  ...products('cli', 'start', 'AWS CLI, AzCopy, restic and others name themselves first',
    ['aws-cli/', 'azcopy/', 'restic/', 'duplicity', 'borg', 's3cmd', 's5cmd', 'kopia', 'gcloud', 'google-cloud-sdk']),
  ...products('cli', 'anywhere', 'gsutil: "apitools Python/3.11 gsutil/5.27 (linux)"', ['gsutil/']),

  // PowerShell's web cmdlets say Mozilla/5.0 first. They run from scripts, and an interactive shell sends the same.
  ...products('script', 'anywhere', 'Invoke-WebRequest: "Mozilla/5.0 (…) WindowsPowerShell/5.1" or "PowerShell/7.4"', ['powershell/']),
  ...products('script', 'anywhere', 'browsers driven by a program',
    ['headlesschrome/', 'phantomjs/', 'selenium', 'puppeteer', 'playwright']),
  ...products('script', 'start', 'Windows script hosts and BITS',
    ['microsoft bits/', 'winhttp', 'mozilla/4.0 (compatible; win32; winhttp']),

  ...products('library', 'anywhere', 'Dropbox SDKs: "OfficialDropboxPythonSDKv2/11.36", "OfficialDropboxDotNetSDKv2/…"',
    ['officialdropbox', 'dropbox-java-sdk', 'dropbox-sdk']),
  ...products('library', 'anywhere', 'Google API clients: "google-api-nodejs-client/10.9.1", "google-api-python-client"',
    ['google-api-', 'gdata-', 'apitools']),
  ...products('library', 'start', 'google-api-python-client, which adds "(gzip)" to nothing; httplib2 below it: "Python-httplib2/0.20.4 (gzip)"',
    ['(gzip)', 'python-httplib2/']),
  ...products('library', 'anywhere', 'Graph SDKs: "graph-js/3.0", "graph-dotnet", "graph-python"',
    ['graph-js', 'graph-dotnet', 'graph-python', 'graph-java', 'graph-go']),
  ...products('library', 'start', 'defaults of HTTP libraries, in their documentation', [
    'go-http-client/', 'python-requests/', 'python-urllib', 'python-httpx/', 'python/', 'aiohttp/', 'urllib3/',
    'node-fetch', 'node', 'axios/', 'got ', 'got/', 'undici', 'superagent', 'okhttp/', 'apache-httpclient/', 'java/',
    'java-http-client/', 'jakarta', 'ruby', 'faraday', 'guzzlehttp', 'php', 'perl', 'libwww-perl/', 'reqwest/', 'hyper/',
    'dart/', 'deno/', 'bun/', 'restsharp/', 'boto3/', 'botocore/', 'aws-sdk-', 'azsdk-',
  ]),
  ...products('library', 'anywhere', 'defaults of HTTP libraries that stand behind another name',
    ['python-requests/', 'aiohttp/', 'okhttp/', 'apache-httpclient/', 'node-fetch/', 'python-urllib']),
]

/** Chromium, Firefox and Safari, with the names that their relatives add. */
const BROWSERS = ['chrome/', 'chromium/', 'crios/', 'firefox/', 'fxios/', 'safari/', 'edg/', 'edga/', 'edgios/'] as const

/** What says Mozilla/5.0 as a browser does and is none: crawlers and programs with a browser inside. */
const NOT_BROWSERS = ['bot', 'crawler', 'spider', 'electron/', 'cefsharp', 'qtwebengine', 'jsdom/', 'compatible;'] as const

/** Past this, products are not looked for: no real User-Agent is longer. */
const MAX_LENGTH = 1024

/** Programs that are remembered: a browser's name is looked for in all of the table. */
const REMEMBERED = 1_000

/** The class of a User-Agent; `unknown` for an empty one and for what no row of the table fits. */
export const classify: (userAgent: string) => ClientClass = remember(look, REMEMBERED)

function look(userAgent: string): ClientClass {
  const text = userAgent.slice(0, MAX_LENGTH).trim().toLowerCase()
  for (const { class: kind, token, at } of PRODUCTS) {
    if (at === 'start' ? text.startsWith(token) : text.includes(token)) return kind
  }
  const browser = text.startsWith('mozilla/5.0') && BROWSERS.some(name => text.includes(name))
  return browser && !NOT_BROWSERS.some(name => text.includes(name)) ? 'browser' : 'unknown'
}
