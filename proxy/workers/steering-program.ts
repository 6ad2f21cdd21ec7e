/**
 * What the kernel goes by when it gives connections to workers: a program of the classic packet filter (Linux, SO_ATTACH_REUSEPORT_CBPF in
 * socket(7)), which answers the number of a listening socket. A client's address decides, as in `choose-worker`.
 */
const LOAD_WORD = 0x20
const LOAD_BYTE = 0x30
const LOAD_SAVED = 0x60
const SAVE = 0x02
const JUMP = 0x05
const JUMP_IF_EQUAL = 0x15
const MULTIPLY = 0x24
const DIVIDE = 0x34
const SHIFT_RIGHT = 0x74
const REMAINDER = 0x94
const XOR = 0xa4
const XOR_INDEX = 0xac
const TO_INDEX = 0x07
const ANSWER = 0x06
const ANSWER_IT = 0x16

/** From where offsets count from the beginning of the IP header (SKF_NET_OFF). */
const IP_HEADER = -0x100000
/** RFC 791 §3.1: the sender of IPv4, which is the second half of an IPv6 sender's network (RFC 8200 §3) as well. */
const SENDER = 12
const NETWORK = 8

type Instruction = readonly [code: number, k: number, ifTrue?: number, ifFalse?: number]

/** `ready`: by slot, which workers take connections; where none does, all are waited for. `seed`: so that nobody can choose addresses for one worker. */
export function steeringProgram(seed: number, ready: readonly boolean[]): Buffer {
  const count = ready.length
  const isNone = !ready.includes(true)
  const there = [...ready.keys()].filter((slot) => isNone || ready[slot] === true)
  const away = [...ready.keys()].filter((slot) => !there.includes(slot))
  const others: Instruction[] = [
    // One that is away: only its clients go elsewhere.
    [LOAD_SAVED, 0], [DIVIDE, count], [REMAINDER, there.length],
    ...there.flatMap((slot, n): Instruction[] => [[JUMP_IF_EQUAL, n, 0, 1], [ANSWER, slot]]),
  ]
  return encode([
    [LOAD_BYTE, IP_HEADER], [SHIFT_RIGHT, 4], [JUMP_IF_EQUAL, 6, 2, 0],
    [LOAD_WORD, IP_HEADER + SENDER], [JUMP, 5],
    [LOAD_WORD, IP_HEADER + NETWORK], [MULTIPLY, 0x9e3779b1], [TO_INDEX, 0], [LOAD_WORD, IP_HEADER + SENDER], [XOR_INDEX, 0],
    [XOR, seed], ...fold(16), [MULTIPLY, 0x85ebca6b], ...fold(13), [MULTIPLY, 0xc2b2ae35], ...fold(16),
    [SAVE, 0], [REMAINDER, count],
    ...away.flatMap((slot, n): Instruction[] => [[JUMP_IF_EQUAL, slot, 0, 1], [JUMP, 2 * (away.length - n - 1) + 1]]),
    [ANSWER_IT, 0],
    ...others,
    // No remainder comes here; the kernel wants an answer at the end.
    [ANSWER, 0],
  ])
}

/** `A ^= A >>> bits`, the step of MurmurHash3. */
function fold(bits: number): Instruction[] {
  return [[TO_INDEX, 0], [SHIFT_RIGHT, bits], [XOR_INDEX, 0]]
}

/** `struct sock_filter`, one after the other. */
function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8)
  for (const [n, [code, k, ifTrue = 0, ifFalse = 0]] of instructions.entries()) {
    // Linux on x64 and arm64 alone, which are little-endian.
    bytes.writeUInt16LE(code, 8 * n)
    bytes.writeUInt8(ifTrue, 8 * n + 2)
    bytes.writeUInt8(ifFalse, 8 * n + 3)
    bytes.writeUInt32LE(k >>> 0, 8 * n + 4)
  }
  return bytes
}
