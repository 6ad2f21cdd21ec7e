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

/**
 * Runs a step of a view, and tells what goes wrong. `button` rests meanwhile.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} step
 */
export function onClick(button, step) {
  button.addEventListener('click', async () => {
    button.disabled = true
    try {
      await step()
    } catch (error) {
      say(error instanceof Error ? error.message : String(error))
    } finally {
      button.disabled = false
    }
  })
}

/**
 * Asks before something is done. Resolves with the comment that was given, null where it is not to be done.
 * @param {string} question
 * @param {string} yes what the button says that does it
 * @returns {Promise<string | null>}
 */
export function ask(question, yes) {
  const comment = element('input', { name: 'comment', maxlength: '500' })
  const dialog = element('dialog', { 'aria-label': question }, [element('form', { method: 'dialog' }, [
    element('p', {}, [question]), element('label', {}, ['Why (kept with the change)', comment]),
    element('button', { value: 'yes' }, [yes]), element('button', { value: 'no' }, ['Cancel']),
  ])])
  document.body.append(dialog)
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes' ? comment.value : null)
      dialog.remove()
    })
    dialog.showModal()
  })
}

/** Tells a screen reader, politely, and everybody at the foot of the page. @param {string} words */
export function say(words) {
  const status = document.getElementById('status')
  if (status !== null) status.textContent = words
}
