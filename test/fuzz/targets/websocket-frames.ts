/** The counter of what is sent through a WebSocket. */
import { FrameCounter } from '../../../proxy/websocket-frames.ts'
import { hold } from '../target.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  name: 'websocket-frames',
  sources: ['proxy/websocket-frames.ts'],
  dictionary: ['\x81', '\x82', '\x00', '\x88', '\x89', '\x7e', '\x7f', '\xfe', '\xff', '\x7e\x00\x7e', '\x7f\x00\x00\x00\x00\x00\x00\x00\x01'],
  maxLength: 4096,
  open: async () => ({ starts: starts(), run }),
}

function run(bytes: Buffer): void {
  const whole = new FrameCounter()
  const answered = whole.take(bytes)
  hold(answered === whole.payload && answered >= 0 && answered <= bytes.length, 'more payload than there are bytes')
  for (const size of [1, 3, 13, 64]) {
    const cut = new FrameCounter()
    let sum = 0
    for (let at = 0; at < bytes.length; at += size) sum += cut.take(bytes.subarray(at, at + size))
    hold(sum === cut.payload && cut.payload === whole.payload && cut.frames === whole.frames, `cut into ${size} bytes it counts otherwise`)
  }
  hold(whole.payload === payloadOf(bytes), 'it counts otherwise than frame by frame')
}

/** The same, read the plain way; control frames count as any other. */
function payloadOf(bytes: Buffer): number {
  let payload = 0
  for (let at = 0; at + 2 <= bytes.length;) {
    const second = bytes.readUInt8(at + 1)
    const short = second & 0x7f
    const head = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (second > 0x7f ? 4 : 0)
    if (at + head > bytes.length) break
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short
    payload += Math.min(length, bytes.length - at - head)
    at += head + length
  }
  return payload
}

function starts(): Buffer[] {
  return [
    Buffer.from('\x81\x05hello\x82\x03abc', 'latin1'), Buffer.from('\x82\x85\x01\x02\x03\x04hello', 'latin1'), Buffer.from('\x89\x00\x88\x02\x03\xe8', 'latin1'),
    Buffer.concat([Buffer.from([0x82, 126, 0, 200]), Buffer.alloc(200)]), Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 3, 4]), Buffer.alloc(256)]),
  ]
}
