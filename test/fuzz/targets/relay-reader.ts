/** The relay's reader beside Node's own (llhttp): whatever both take is the same, however the bytes are cut. */
import { readHead } from '../../../proxy/head.ts'
import { BodyReader } from '../../../proxy/relay/body-reader.ts'
import { HeadFinder } from '../../../proxy/relay/head-finder.ts'
import { readRequestHead } from '../../../proxy/relay/request-head.ts'
import { Differential } from '../http1/differential.ts'
import { HTTP_WORDS, httpStreams } from '../http1/streams.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  name: 'relay-reader',
  sources: ['proxy/relay/', 'proxy/head.ts', 'proxy/host-port.ts', 'proxy/forward-headers.ts'],
  dictionary: HTTP_WORDS,
  maxLength: 4096,
  open: async () => {
    const differential = new Differential({ BodyReader, HeadFinder, readHead, readRequestHead })
    return {
      starts: httpStreams(),
      run: (bytes) => differential.run(bytes),
      summary: () => differential.summary(),
      close: async () => differential.close(),
    }
  },
}
