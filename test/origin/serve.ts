/** Runs the stand-in providers by hand: `node test/origin/serve.ts`, until Ctrl-C. */
import { startOrigin } from './origin.ts'
import { startTunnel } from './tunnel.ts'

const origin = await startOrigin({ log: line => console.log(line) })
const tunnel = await startTunnel(origin)

console.log(`address   ${origin.address} (TLS; every host below, by SNI)`)
console.log(`CA        ${origin.caFile}`)
console.log(`control   ${origin.controlUrl} (GET /stored /requests /file-bytes /socket-bytes /connections, POST /behave /reset)`)
console.log(`tunnel    ${tunnel.url} (HTTPS_PROXY that leads straight here)`)
console.log('pages     /web-upload on www.dropbox.com, drive.google.com, onedrive.live.com, contoso.sharepoint.com')
console.log('accounts  refresh tokens FAKE-refresh-{contoso,fabrikam,consumer}-{dropbox,google,microsoft,box}[-openid], see accounts.ts')
console.log(`hosts     ${origin.hosts.join(' ')}`)

const stop = async (): Promise<void> => {
  await tunnel.close()
  await origin.close()
}
process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
