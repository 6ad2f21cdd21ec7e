import t from 'tap'
import { FrameCounter } from '../../proxy/websocket-frames.ts'

function frame(opcode: number, payload: number, masked = true): Buffer {
  const mask = masked ? 0x80 : 0
  let head: Buffer
  if (payload < 126) head = Buffer.from([0x80 | opcode, mask | payload])
  else if (payload < 65536) {
    head = Buffer.from([0x80 | opcode, mask | 126, 0, 0])
    head.writeUInt16BE(payload, 2)
  } else {
    head = Buffer.alloc(10)
    head[0] = 0x80 | opcode
    head[1] = mask | 127
    head.writeBigUInt64BE(BigInt(payload), 2)
  }
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0, 0x81), Buffer.alloc(payload, 0x82)])
}

t.test('counts payload, whatever the cut and the kind of frame', async (t) => {
  const stream = Buffer.concat([frame(1, 5), frame(9, 20), frame(2, 300), frame(0, 70_000), frame(2, 0), frame(8, 2), frame(2, 125)])
  for (const size of [1, 2, 3, 7, 64, 4096, stream.length]) {
    const counter = new FrameCounter()
    let sum = 0
    for (let i = 0; i < stream.length; i += size) sum += counter.take(stream.subarray(i, i + size))
    t.equal(counter.payload, 5 + 20 + 300 + 70_000 + 2 + 125, `cut at ${size}`)
    t.equal(sum, counter.payload)
    t.equal(counter.frames, 7)
  }
})

t.test('unmasked frames too', async (t) => {
  const counter = new FrameCounter()
  t.equal(counter.take(frame(2, 1000, false)), 1000)
})
