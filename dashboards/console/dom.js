/** What views are made of. All text goes in as text: names of files and programs come from hostile clients. */

/**
 * An element with attributes and children; a text becomes a text node, never markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {readonly (Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(name, attributes = {}, children = []) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

/**
 * A table that scrolls by itself where the page is narrow.
 * @param {string} label
 * @param {readonly string[]} columns
 * @returns {{ whole: HTMLElement, body: HTMLTableSectionElement }}
 */
export function table(label, columns) {
  const body = element('tbody')
  const head = element('thead', {}, [element('tr', {}, columns.map((name) => element('th', { scope: 'col' }, [name])))])
  const whole = element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, [element('table', {}, [head, body])])
  return { whole, body }
}

/** Tells a screen reader, politely, and everybody at the foot of the page. @param {string} words */
export function say(words) {
  const status = document.getElementById('status')
  if (status !== null) status.textContent = words
}
