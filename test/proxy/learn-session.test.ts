import http from 'node:http'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { classify } from '../../policy/client-class.ts'
import { compile } from '../../policy/evaluate.ts'
import { parsePolicy } from '../../policy/policy.ts'
import { catalogue } from '../../policy/providers/index.ts'
import { Sessions } from '../../policy/sessions.ts'
import { indexTenants } from '../../policy/tenant/allowlist.ts'
import { PipelineExchange } from '../../proxy/pipeline-exchange.ts'
import { readHead } from '../../proxy/head.ts'
import { SessionLearner } from '../../proxy/learn-session.ts'
import { AnswerReader, asAnswer } from '../../proxy/read-answer.ts'
import { judge } from '../../proxy/stages/judge.ts'

const view = { policy: compile(parsePolicy({ default: 'allow', unknownTenant: 'allow', rules: [] }), 1), tenants: indexTenants([]) }
const dropbox = catalogue.find('content.dropboxapi.com')?.module ?? null
const box = catalogue.find('upload.box.com')?.module ?? null

t.test('a part waits for the answers of its own provider only, and then knows what they told', async (t) => {
  const sessions = new Sessions()
  const reader = new AnswerReader()
  const learner = new SessionLearner(sessions, reader, (error) => { throw error })
  const request = new http.IncomingMessage(new Socket())
  const exchange = new PipelineExchange(request, new http.ServerResponse(request), { peer: { ip: '10.0.0.1', port: 1 }, tunnel: null, scheme: 'https', expects: false })
  const head = readHead({
    method: 'POST', url: '/2/files/upload_session/start', rawHeaders: ['Host', 'content.dropboxapi.com', 'Content-Length', '0', 'Dropbox-API-Arg', '{}'],
    httpVersionMajor: 1, httpVersionMinor: 1,
  }, 'https', false)
  exchange.head = head
  exchange.judgement = judge(view, dropbox, head, { ip: '10.0.0.1', userAgent: '', class: classify('') }, null,
    { onError: 'block', now: () => 0, session: () => undefined, failed: (error) => { throw error } })
  const origin = new http.IncomingMessage(new Socket())
  origin.statusCode = 200
  origin.headers['content-encoding'] = 'gzip'
  origin.complete = true
  t.equal(reader.settled(dropbox), null)
  learner.observe(exchange, asAnswer(origin))
  origin.push(gzipSync('{"session_id":"s1"}'))
  origin.push(null)
  await once(origin, 'end')
  // The decoder answers in a later turn.
  t.equal(reader.settled(box), null, 'what another provider opened cannot be its session')
  t.equal(reader.settled(null), null)
  t.equal(await reader.settled(dropbox), false, 'in time')
  t.ok(sessions.get('dropbox:s1'))
  t.equal(reader.settled(dropbox), null)
})
