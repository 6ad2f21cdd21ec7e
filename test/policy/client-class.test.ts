import t from 'tap'
import { classify } from '../../policy/client-class.ts'
import type { ClientClass } from '../../policy/operation.ts'

const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'

const SEEN: Record<ClientClass, readonly string[]> = {
  browser: [
    CHROME,
    `${CHROME} Edg/126.0.0.0`,
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1',
  ],
  'sync-app': [
    'Microsoft SkyDriveSync 24.005.0117.0002 ship; Windows NT 10.0 (19045)',
    'DropboxDesktopClient/187.4.6204 (Windows; 10; x64; en_US)',
    'Dropbox/7.1 (Macintosh)',
    'GoogleDriveFS/90.0.3.0 (Windows,10.0)',
    'MEGAsync/4.12.2',
    'Box Sync/4.0.8009',
    'iCloud/14.2 (Windows)',
  ],
  cli: [
    'rclone/v1.60.1-DEV', 'rclone/', 'curl/8.5.0', 'Wget/1.21.4', 'aws-cli/2.15.0 Python/3.11.6 Linux/6.1 exe/x86_64',
    'apitools Python/3.11.4 gsutil/5.27 (linux) analytics/disabled', 'AzCopy/10.21.2 (Go 1.21; linux)', 'restic/0.16',
    'ISV|abraunegg|OneDrive Client for Linux/v2.5.5',
  ],
  library: [
    'Go-http-client/1.1', 'Go-http-client/2.0', 'python-requests/2.31.0', 'node-fetch/1.0 (+https://github.com/bitinn/node-fetch)',
    '(gzip)', 'Python-httplib2/0.20.4 (gzip)', 'google-api-nodejs-client/8.0.3 (gzip)',
    'google-api-nodejs-client/10.9.1', 'OfficialDropboxPythonSDKv2/11.36.2',
    'MyBackup/2.0/OfficialDropboxPythonSDKv2/11.36.2', 'axios/1.6.0', 'okhttp/4.12.0', 'Apache-HttpClient/4.5.14 (Java/17.0.9)',
    'Java/17.0.9', 'Python/3.11 aiohttp/3.9.1', 'graph-js/3.0.7', 'libcurl/8.5.0', 'node',
  ],
  script: [
    'Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.3570',
    'Mozilla/5.0 (Linux; Debian GNU/Linux 12; ) PowerShell/7.4.0',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36',
    'Microsoft BITS/7.8',
  ],
  unknown: [
    '', '   ', 'Mozilla/5.0', 'something/1.0',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/126.0 Safari/537.36',
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0.0.0 Electron/28.0.0 Safari/537.36',
    'my-curl/8.0 not the tool', 'Chrome/126.0.0.0',
  ],
}

for (const [kind, userAgents] of Object.entries(SEEN)) {
  t.test(kind, async t => {
    for (const userAgent of userAgents) t.equal(classify(userAgent), kind, userAgent)
  })
}

t.test('case does not count', async t => {
  t.equal(classify('RCLONE/V1.60'), 'cli')
})

t.test('a program that calls itself a browser as well is what it calls itself', async t => {
  t.equal(classify(`${CHROME} MEGAsync/4.12`), 'sync-app')
})

t.test('time is linear in a hostile User-Agent', async t => {
  const hostile = 'Mozilla/5.0 ' + 'chrome'.repeat(1_000_000)
  const start = process.cpuUsage()
  for (let i = 0; i < 1000; i++) classify(hostile)
  t.ok(process.cpuUsage(start).user < 2_000_000, 'a thousand in less than two seconds of processor time')
})
