/**
 * Imported before anything else: refuses to run where a promise of TLS or of reading requests whole could not be kept.
 */

// The first Node 24 that does not drop request headers past the thousandth (CVE-2026-58044).
const OLDEST = [24, 18, 1] as const

/** Why this runtime is refused and what to do about it, or null where it is right. */
export function checkRuntime(version: string, env: NodeJS.ProcessEnv, execArgv: readonly string[]): string | null {
  if (isOlder(version)) {
    return `Node ${version} is too old: it can drop request headers unseen. ` +
      `Run npm ci and start with npm start, which bring the right one, or install Node ${OLDEST.join('.')} or later.`
  }
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    return 'NODE_TLS_REJECT_UNAUTHORIZED=0 would switch the verification of certificates off. ' +
      'Unset it, and name further roots in upstream.ca.'
  }
  const options = [...execArgv, ...(env.NODE_OPTIONS ?? '').split(/[\s"]+/)]
  if (options.some(option => /^--insecure[-_]http[-_]parser(=|$)/.test(option))) {
    return '--insecure-http-parser would let requests through that can be read in two ways. Remove it, also from NODE_OPTIONS.'
  }
  return null
}

function isOlder(version: string): boolean {
  const parts = version.replace(/^v/, '').split('.').map(part => Number.parseInt(part, 10))
  for (const [i, least] of OLDEST.entries()) {
    const part = parts[i] ?? 0
    if (part !== least) return !(part > least)
  }
  return false
}

const refusal = checkRuntime(process.versions.node, process.env, process.execArgv)
if (refusal !== null) {
  process.stderr.write(`sluice: ${refusal}\n`)
  process.exit(1)
}
