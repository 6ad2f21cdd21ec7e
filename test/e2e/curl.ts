/** Runs the real curl through a proxy. */
import { spawn } from 'node:child_process'

export interface CurlResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly status: number
  readonly httpVersion: string
  /** Bytes of the body that curl sent. */
  readonly uploaded: number
}

const MARK = '\n--curl-facts--'

export function curl(args: readonly string[], options: { proxy: string; caFile: string; stdin?: Buffer; timeoutMs?: number; env?: NodeJS.ProcessEnv }): Promise<CurlResult> {
  return new Promise((resolve, reject) => {
    const facts = `${MARK}%{http_code} %{http_version} %{size_upload}`
    const child = spawn('curl', ['-sS', '-x', options.proxy, '--cacert', options.caFile, '-w', facts, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: options.env ?? { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: '/nonexistent' },
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => undefined) // curl stops reading when it is refused
    child.stdin.end(options.stdin ?? Buffer.alloc(0))
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 30_000)
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      const text = Buffer.concat(out).toString('utf8')
      const at = text.lastIndexOf(MARK)
      const [status = '0', httpVersion = '', uploaded = '0'] = text.slice(at + MARK.length).split(' ')
      resolve({
        code, stdout: at === -1 ? text : text.slice(0, at), stderr: Buffer.concat(err).toString('utf8'),
        status: Number(status), httpVersion, uploaded: Number(uploaded),
      })
    })
  })
}
