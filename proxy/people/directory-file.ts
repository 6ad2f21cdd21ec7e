/** The directory file on disk: read at the start, and again when it changes. A faulty one changes nothing. */
import { dirname } from 'node:path'
import { SluiceError } from '../../policy/errors.ts'
import { parseDirectory } from '../../policy/people/directory.ts'
import type { Directory } from '../../policy/people/directory.ts'
import { DirectoryWatch } from '../../policy/store/directory-watch.ts'
import type { Log } from '../../policy/store/log.ts'
import { readText } from '../read-text.ts'

export interface DirectoryFile {
  readonly current: () => Directory
  /** What is wrong with the file that lies there now, while the one before it is in force. */
  readonly fault: () => string | null
  /** Reads the file at once. */
  reload(): void
  close(): void
}

/** Throws `people.invalid` or `config.unreadable`. `changed` is called after another directory came into force, with the one before. */
export function openDirectoryFile(file: string, log: Log, changed: (before: Directory) => void): DirectoryFile {
  // Watched before it is read, so that what changes in between is seen.
  const watch = new DirectoryWatch({ dirs: [dirname(file)], paths: [file], changed: () => reload(), log })
  let current: Directory
  let fault: string | null = null
  try {
    current = readDirectory(file)
  } catch (error) {
    watch.close()
    throw error
  }
  function reload(): void {
    const before = current
    try {
      current = readDirectory(file)
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error
      if (fault !== error.message) log('error', `The directory file is not taken over, the one before stays in force: ${error.message}`)
      fault = error.message
      return
    }
    fault = null
    log('info', `The directory file ${file} is read: ${current.members.size} users`)
    changed(before)
  }
  return { current: () => current, fault: () => fault, reload, close: () => watch.close() }
}

/** Throws `people.invalid` or `config.unreadable`. */
export function readDirectory(file: string): Directory {
  return parseDirectory(readText(file, 'people.file'), file)
}
