import type { StandIn } from './stand-in.ts'

/** Hosts that tenant restrictions concern and no other stand-in has; the last two are never to be opened. */
const HOSTS = [
  'login.microsoft.com', 'login.windows.net', 'login.microsoftonline.us', 'account.box.com', 'auth.wetransfer.com',
  'slack.com', 'app.slack.com', 'wss-primary.slack.com', 'github.com', 'api.github.com', 'api.githubcopilot.com',
  'idbroker.webex.com', 'atlas-a.wbx2.com', 'app.asana.com', 'chatgpt.com', 'claude.ai', 'api.anthropic.com',
  'device.login.microsoftonline.com', 'enterpriseregistration.windows.net',
]

/** Answers every request, whatever it is. */
export function restrictedHosts(): StandIn {
  return {
    hosts: HOSTS,
    carriesContent: () => false,
    handle: async exchange => {
      await exchange.drain()
      await exchange.send(200, { 'content-type': 'text/plain' }, `${exchange.record.host}\n`)
    },
    stored: () => [],
    reset: () => undefined,
  }
}
