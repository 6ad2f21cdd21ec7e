import { call } from './api.js'
import { element } from './dom.js'
import uPlot from './uplot.js'

const MINUTES = 60
const ACTIONS = ['allow', 'log', 'block']
/** Colours that tell apart in light and dark; dashes for who sees none. */
const LOOKS = [{ stroke: '#2e8b57' }, { stroke: '#b7791f', dash: [8, 4] }, { stroke: '#d64545', width: 2 }]
/** Of an hour with more uploads than this, the newest are drawn. */
const PAGES = 5
/** Events whose ids are remembered: as many as the pages hold. */
const REMEMBERED = 5_000

/**
 * Uploads of the last hour by action, a point a minute. `add` counts an event; what is older than the hour moves out.
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 * @returns {{ add(event: any): void, load(): Promise<void> }}
 */
export function trend(place, signal) {
  /** @type {Map<string, number>} by minute and action */
  const counts = new Map()
  /** Events that were counted: one that comes live may be on a page as well. @type {Map<string, number>} */
  const seen = new Map()
  const figure = element('figure', { role: 'img', 'aria-label': 'Uploads of the last hour' })
  place.append(figure)
  const ink = () => getComputedStyle(document.body).color
  const axis = { stroke: ink, grid: { stroke: '#8884', width: 1 }, ticks: { stroke: '#8884', width: 1 } }
  const chart = new uPlot({
    width: figure.clientWidth, height: 180, cursor: { y: false }, scales: { y: { range: (_chart, _min, max) => [0, Math.max(4, max)] } },
    axes: [axis, { ...axis, label: 'uploads a minute', incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] }],
    series: [{}, ...ACTIONS.map((label, index) => ({ label, points: { show: false }, ...LOOKS[index] }))],
  }, data(), figure)
  const timer = setInterval(draw, 5_000)
  const resize = () => chart.setSize({ width: figure.clientWidth, height: 180 })
  addEventListener('resize', resize, { signal })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw(false, true), { signal })
  signal.addEventListener('abort', () => { clearInterval(timer); chart.destroy() }, { once: true })

  /** @returns {[number[], ...number[][]]} */
  function data() {
    const now = Math.floor(Date.now() / 60_000)
    const minutes = Array.from({ length: MINUTES }, (_, index) => now - MINUTES + 1 + index)
    return [minutes.map((minute) => minute * 60), ...ACTIONS.map((action) => minutes.map((minute) => counts.get(`${minute} ${action}`) ?? 0))]
  }

  function draw() {
    const oldest = Math.floor(Date.now() / 60_000) - MINUTES
    for (const [id, minute] of seen) if (minute < oldest) seen.delete(id)
    for (const key of counts.keys()) if (Number.parseInt(key, 10) < oldest) counts.delete(key)
    const [times, ...rows] = data()
    chart.setData([times, ...rows])
    const sums = rows.map((row, index) => `${ACTIONS[index]} ${row.reduce((sum, one) => sum + one, 0)}`)
    figure.setAttribute('aria-label', `Uploads of the last hour: ${sums.join(', ')}`)
  }

  /** @param {any} event */
  function add(event) {
    if (event.event.action !== 'upload' || seen.has(event.event.id)) return
    const minute = Math.floor(Date.parse(event['@timestamp']) / 60_000)
    seen.set(event.event.id, minute)
    if (seen.size > REMEMBERED) for (const oldest of seen.keys()) { seen.delete(oldest); break }
    const key = `${minute} ${event.sluice?.action}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }

  return {
    add,
    async load() {
      let cursor = ''
      for (let page = 0; page < PAGES; page++) {
        const found = await (await call(`/events?activity=upload&since=1h&limit=1000${cursor}`, { signal })).json()
        found.events.forEach(add)
        if (found.next === undefined) break
        cursor = `&cursor=${encodeURIComponent(found.next)}`
      }
      draw()
    },
  }
}
