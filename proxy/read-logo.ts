/** The organisation's logo, as the refusal page shows it: within the page, so that nothing has to be loaded. */
import { readFileSync, statSync } from 'node:fs'
import { SluiceError } from '../policy/errors.ts'

const MOST = 128 * 1024
const REMEDY = 'Give a PNG, JPEG, WebP or SVG file of at most 128 KiB, or null'

/** A `data:` URL; null without a file. Throws `config.unreadable`. An SVG file is shown as an image, where its scripts do not run. */
export function readLogo(file: string | null): string | null {
  if (file === null) return null
  let bytes: Buffer
  try {
    if (statSync(file).size > MOST) throw new SluiceError('config.unreadable', `${file} (refusal.logo) is over ${MOST / 1024} KiB`, REMEDY)
    bytes = readFileSync(file)
  } catch (error) {
    if (error instanceof SluiceError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new SluiceError('config.unreadable', `${file} (refusal.logo) cannot be read (${code})`, REMEDY, { cause: error })
  }
  const type = typeOf(bytes)
  if (type === null) throw new SluiceError('config.unreadable', `${file} (refusal.logo) is no image of a kind that browsers show`, REMEDY)
  return `data:${type};base64,${bytes.toString('base64')}`
}

function typeOf(bytes: Buffer): string | null {
  const begins = (text: string, at = 0): boolean => bytes.toString('latin1', at, at + text.length) === text
  if (begins('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (begins('\xff\xd8\xff')) return 'image/jpeg'
  if (begins('RIFF') && begins('WEBP', 8)) return 'image/webp'
  return /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]{0,2000}?-->\s*)?<svg[\s>]/.test(bytes.toString('utf8', 0, 4_096)) ? 'image/svg+xml' : null
}
