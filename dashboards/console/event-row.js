import { element } from './dom.js'

export const COLUMNS = ['Time', 'Action', 'Activity', 'Provider', 'User', 'Client', 'File', 'Rule']

/** An event as a row; its time leads to its reason. @param {any} event */
export function eventRow(event) {
  const action = String(event.sluice?.action ?? '')
  const time = element('a', { href: `#/event/${encodeURIComponent(event.event.id)}` }, [new Date(event['@timestamp']).toLocaleString()])
  const texts = [event.event.action, event.sluice?.operation?.provider, event.user?.name ?? event.source?.ip ?? event.source?.address,
    event.user_agent?.original, event.file?.name, event.rule?.id]
  return element('tr', {}, [
    element('td', {}, [time]), element('td', action === 'block' ? { class: 'block' } : {}, [action]),
    ...texts.map((text) => element('td', {}, [String(text ?? '')])),
  ])
}
