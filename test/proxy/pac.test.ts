import vm from 'node:vm'
import t from 'tap'
import { composePac } from '../../proxy/pac.ts'

function run(script: string, host: string): unknown {
  return vm.runInNewContext(`${script}\nFindProxyForURL("https://" + host + "/", host)`, { host, isPlainHostName: (name: string) => !name.includes('.') })
}

t.test('all traffic', async (t) => {
  const script = composePac({ proxy: '127.0.0.1:3128', which: 'all', patterns: [] })
  t.equal(run(script, 'www.example.com'), 'PROXY 127.0.0.1:3128')
  t.equal(run(script, 'content.dropboxapi.com'), 'PROXY 127.0.0.1:3128')
  t.equal(run(script, 'intranet'), 'DIRECT')
})

t.test('providers only, without a way around for them', async (t) => {
  const script = composePac({ proxy: 'p:1', which: 'providers', patterns: ['content.dropboxapi.com', '*.sharepoint.com'] })
  for (const host of ['content.dropboxapi.com', 'CONTENT.dropboxapi.com.', 'contoso-my.sharepoint.com', 'a.b.sharepoint.com']) t.equal(run(script, host), 'PROXY p:1', host)
  for (const host of ['sharepoint.com', 'evilsharepoint.com', 'www.example.com', 'hasOwnProperty', 'toString.example']) t.equal(run(script, host), 'DIRECT', host)
})

t.test('the address cannot break out of the script', async (t) => {
  const script = composePac({ proxy: '"; evil(); "', which: 'all', patterns: [] })
  t.equal(run(script, 'a.example'), 'PROXY "; evil(); "')
})

t.test('a star within a pattern is part of one label', async (t) => {
  const script = composePac({ proxy: 'p:1', which: 'providers', patterns: ['p*-docws.icloud.com', '*.s3.*.amazonaws.com', 's3-*.amazonaws.com'] })
  for (const host of ['p12-docws.icloud.com', 'b.s3.eu-west-1.amazonaws.com', 'a.b.s3.eu-west-1.amazonaws.com', 's3-eu-west-1.amazonaws.com']) {
    t.equal(run(script, host), 'PROXY p:1', host)
  }
  for (const host of ['www.icloud.com', 's3.eu-west-1.amazonaws.com', 'b.s3.a.b.amazonaws.com', 'ec2.eu-west-1.amazonaws.com', 'b.s3.x.amazonaws.com.evil.example']) {
    t.equal(run(script, host), 'DIRECT', host)
  }
})
