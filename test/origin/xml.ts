/** Written XML, as opposed to text that is still to be escaped. */
export interface Xml { readonly xml: string }

/** An element with its children: text is escaped, `undefined` left out. `name` may carry attributes. */
export function element(name: string, ...children: readonly (Xml | string | number | undefined)[]): Xml {
  const inner = children.map(child => child === undefined ? '' : typeof child === 'object' ? child.xml : escapeXml(String(child))).join('')
  return { xml: `<${name}>${inner}</${name.split(' ')[0] ?? name}>` }
}

export function document(root: Xml): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n${root.xml}`
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The texts of all elements of a name (RegExp source), in order; whatever prefix they have, and as long as they hold text only. */
export function textsOf(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<(?:\\w+:)?${name}(?:\\s[^>]*)?>([^<]*)<`, 'g'))].map(([, text = '']) =>
    text.replace(/&(?:#(\d+|x[\da-f]+)|(\w+));/gi, (all, code: string | undefined, named: string | undefined) =>
      code === undefined ? NAMED[named ?? ''] ?? all : String.fromCodePoint(Number(code.replace(/^x/i, '0x')))))
}
