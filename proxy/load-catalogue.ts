/** The catalogue in effect: the built-in providers and those that the files of `intercept.catalogue` declare. */
import { makeCatalogue } from '../policy/providers/catalogue.ts'
import { parseDeclared, refuseRepeated } from '../policy/providers/declared.ts'
import { builtin, permittedDomains } from '../policy/providers/index.ts'
import type { Catalogue } from '../policy/providers/index.ts'
import { readText } from './read-text.ts'

export interface LoadedCatalogue {
  readonly catalogue: Catalogue
  /** Every domain that the authority must be able to sign for, `certs.domains` aside. */
  readonly domains: readonly string[]
}

/** Throws `config.unreadable` or `config.invalid`, with the file, line and column of each fault. */
export function loadCatalogue(files: readonly string[]): LoadedCatalogue {
  const declared = files.flatMap(file => {
    const modules = parseDeclared(readText(file, 'intercept.catalogue'), file)
    return modules.map(module => ({ module, file }))
  })
  const modules = declared.map(({ module }) => module)
  refuseRepeated(modules, declared.at(-1)?.file ?? 'intercept.catalogue')
  // Of two patterns that are the same the later one counts: a declared provider replaces a built-in one.
  return {
    catalogue: makeCatalogue([...builtin, ...modules]),
    domains: [...permittedDomains(), ...modules.flatMap(({ domains }) => domains)],
  }
}
