/** http-mitm-proxy with connections kept and no hooks. Arguments: the port, its directory, a file with the origin's root. */
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { Proxy } from 'http-mitm-proxy'

const [port = '0', dir = '.', originCaFile = ''] = process.argv.slice(2)
/** Every host is the one origin. */
const lookup: LookupFunction = (_host, { all }, done) => {
  if (all === true) done(null, [{ address: '127.0.0.1', family: 4 }])
  else done(null, '127.0.0.1', 4)
}
const proxy = new Proxy()
// Whoever breaks off would end the process otherwise.
proxy.onError(() => undefined)
proxy.listen({
  host: '127.0.0.1', port: Number(port), sslCaDir: dir, keepAlive: true,
  httpsAgent: new Agent({ keepAlive: true, ca: readFileSync(originCaFile), lookup }),
}, error => {
  if (error) throw error
})
