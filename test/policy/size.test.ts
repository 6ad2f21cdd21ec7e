import t from 'tap'
import { parseSize } from '../../policy/size.ts'

t.test('sizes as people write them', async t => {
  const sizes: [number | string, number][] = [
    [0, 0], [4096, 4096], ['4096', 4096], ['7B', 7], ['500KB', 500_000], ['500kb', 500_000], ['10MB', 10_000_000],
    ['10 MB', 10_000_000], ['2GB', 2_000_000_000], ['1TB', 1e12], ['1KiB', 1024], ['16KiB', 16_384], ['1MiB', 1_048_576],
    ['1GiB', 1_073_741_824], ['1.5MB', 1_500_000], ['1.1MB', 1_100_000], ['0.5KiB', 512], [Number.MAX_SAFE_INTEGER, 2 ** 53 - 1],
  ]
  for (const [written, bytes] of sizes) t.equal(parseSize(written), bytes, String(written))
})

t.test('what is no size', async t => {
  const none: (number | string)[] = [
    -1, 1.5, NaN, Infinity, 2 ** 53, '', 'MB', '-1MB', '+1MB', '1e3', '0x10', '1,5MB', '1.MB', '.5MB', '10XB', '10 M B',
    '1.0001KB', '9007199254740992', '9999TiB9', '99999999TB', '1  MB', ' 1MB', '1MB ', '１MB',
  ]
  for (const written of none) t.equal(parseSize(written), undefined, String(written))
})
