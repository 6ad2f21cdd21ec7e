/** The reader of the status that an origin staples to its certificate. */
import { saysRevoked } from '../../../proxy/ocsp-staple.ts'
import { hold } from '../target.ts'
import type { Target } from '../target.ts'

const SERIAL = '0a1b2c'

export const target: Target = {
  name: 'ocsp-staple',
  sources: ['proxy/ocsp-staple.ts'],
  dictionary: ['\x30', '\xa0', '\xa1', '\x04', '\x0a\x01\x00', '\x80', '\x81', '\x82', '\x83', '\x84', '\xff', '\x02\x03\x0a\x1b\x2c'],
  maxLength: 8192,
  open: async () => {
    const [revoked, good] = starts()
    hold(revoked !== undefined && saysRevoked(revoked, SERIAL) && good !== undefined && !saysRevoked(good, SERIAL), 'a plain response is not understood')
    return { starts: starts(), run }
  },
}

function run(bytes: Buffer): void {
  const says = saysRevoked(bytes, SERIAL)
  hold(says === saysRevoked(bytes, `00${SERIAL.toUpperCase()}`), 'the way a serial number is written counts')
  hold(!says || bytes.includes(Buffer.from(SERIAL, 'hex')), 'another certificate is said to be revoked')
  const behind = Buffer.concat([bytes, Buffer.from('\x30\x03\x02\x01\x01', 'latin1')])
  hold(!says || saysRevoked(behind.subarray(0, bytes.length), SERIAL), 'what stands behind the bytes counts')
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length = body.length < 0x80 ? [body.length] : body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

function starts(): Buffer[] {
  const response = (...singles: readonly Buffer[]): Buffer => {
    const data = der(0x30, der(0xa2, der(0x04, Buffer.alloc(20))), der(0x18, Buffer.from('20261130000000Z')), der(0x30, ...singles))
    const basic = der(0x30, data, der(0x30), der(0x03, Buffer.alloc(64)))
    return der(0x30, der(0x0a, Buffer.from([0])), der(0xa0, der(0x30, der(0x06, Buffer.from('2b0601050507300101', 'hex')), der(0x04, basic))))
  }
  const single = (serial: string, status: Buffer): Buffer => der(0x30,
    der(0x30, der(0x30), der(0x04, Buffer.alloc(20)), der(0x04, Buffer.alloc(20)), der(0x02, Buffer.from(serial, 'hex'))), status, der(0x18, Buffer.from('20261130000000Z')))
  const revoked = der(0xa1, der(0x18, Buffer.from('20261129000000Z')))
  return [response(single(SERIAL, revoked)), response(single(SERIAL, der(0x80))), response(single('01', revoked), single(SERIAL, revoked)), response()]
}
