/** How long a start takes until the proxy answers its first request, with an authority that exists. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ENVIRONMENT, ROOT, START } from '../processes.ts'

/** Milliseconds until the first answer, and of processor time until then. */
export interface Start {
  readonly took: number
  readonly worked: number
}

/** Each of so many starts; one more, which makes the authority and fills the caches, is left out. */
export async function measureStarts(rounds: number): Promise<Start[]> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  try {
    const config = join(dir, 'sluice.yaml')
    await writeFile(config, JSON.stringify({
      proxy: { listen: '127.0.0.1:0', drain: '0s' }, admin: { listen: '127.0.0.1:0' }, store: { url: `embedded:${join(dir, 'store')}` },
      certs: { dir: join(dir, 'ca') }, events: { sinks: [] },
    }))
    const times: Start[] = []
    for (let round = -1; round < rounds; round++) {
      const one = await start(config)
      if (round >= 0) times.push(one)
    }
    return times
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function start(config: string): Promise<Start> {
  const began = performance.now()
  const child = spawn(process.execPath, [...START.flags, ...START.command, '--config', config], { cwd: ROOT, env: { ...ENVIRONMENT, ...START.env, SLUICE_LOG: 'warn' }, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8')
  for await (const text of child.stdout as AsyncIterable<string>) {
    said += text
    const proxy = /Proxy +(http:\/\/\S+)/.exec(said)?.[1]
    if (proxy === undefined) continue
    const answer = await fetch(`${proxy}/proxy.pac`)
    const took = performance.now() - began
    await answer.text()
    if (!answer.ok) throw new Error(`the proxy answered ${answer.status}`)
    const worked = processorTime(child.pid ?? 0)
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
    return { took, worked }
  }
  throw new Error(`Sluice did not start: ${said}`)
}

/** `utime` and `stime` of proc(5), in hundredths of a second. */
function processorTime(pid: number): number {
  const [user = '0', system = '0'] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? []
  return (Number(user) + Number(system)) * 10
}
