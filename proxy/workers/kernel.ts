/** What of the kernel Node has no function for, by way of koffi. */
export interface Kernel {
  /** Has a socket that is bound take connections. Throws where it cannot. */
  listen(socket: number): void
  /** Has the sockets that share its port get connections by a program (`steering-program`), in place of the one before. Throws where it cannot. */
  steer(socket: number, program: Buffer): void
}

/** As many as Node has it. */
const BACKLOG = 511
const SOL_SOCKET = 1
/** The numbers are those of x64 and arm64. */
const SO_ATTACH_REUSEPORT_CBPF = 51

let loaded: Promise<Kernel | null> | null = null

/** Null where the system has none of this. */
export function openKernel(): Promise<Kernel | null> {
  // Once a process: types have names in it.
  loaded ??= process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch) ? open().catch(() => null) : Promise.resolve(null)
  return loaded
}

async function open(): Promise<Kernel> {
  const { default: koffi } = await import('koffi')
  const library = koffi.load(null)
  const program = koffi.struct('sluice_sock_fprog', { len: 'uint16_t', filter: 'void *' })
  const size = koffi.sizeof(program)
  const listen = library.func('int listen(int socket, int backlog)')
  const setOption = library.func('int setsockopt(int socket, int level, int name, sluice_sock_fprog *value, uint32_t size)')
  const check = (name: string, result: unknown): void => {
    if (result !== 0) throw new Error(`${name} failed: error ${koffi.errno()}`)
  }
  return {
    listen: (socket) => check('listen', listen(socket, BACKLOG)),
    steer: (socket, bytes) => check('setsockopt', setOption(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, { len: bytes.length / 8, filter: bytes }, size)),
  }
}
