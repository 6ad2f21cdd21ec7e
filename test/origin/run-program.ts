import { spawn } from 'node:child_process'

export interface ProgramOptions {
  /** The whole environment: nothing of the caller's settings is passed on. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What it reads on its standard input. Default nothing. */
  readonly stdin?: string
  /** Ends it after this long. Default 60 s. */
  readonly timeoutMs?: number
}

export interface ProgramResult {
  /** The exit code; null when it was ended by `timeoutMs`. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end and collects what it says. Rejects when it cannot be started. */
export function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: options.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => undefined) // a program may end before it has read all
    child.stdin.end(options.stdin ?? '')
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
    child.once('error', error => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') })
    })
  })
}
