/** A defect that one request meets, wherever it lies, ends that request and no other. */
import t from 'tap'
import { Events } from '../../../dashboards/events.ts'
import { dropbox } from '../../../policy/providers/dropbox.ts'
import { Sessions } from '../../../policy/sessions.ts'
import { Usage } from '../../../policy/usage.ts'
import { BindingWriter } from '../../../policy/tenant/binding-writer.ts'
import { Meter } from '../../../proxy/stages/meter.ts'
import { AnswerReader } from '../../../proxy/read-answer.ts'
import { BodyReader } from '../../../proxy/relay/body-reader.ts'
import { ClientConnection } from '../../../proxy/relay/client-connection.ts'
import { Conductor } from '../../../proxy/relay/conductor.ts'
import { ConnectionExchange } from '../../../proxy/relay/connection-exchange.ts'
import { ConnectionForwarding } from '../../../proxy/relay/connection-forward.ts'
import { Forwarding } from '../../../proxy/relay/forward.ts'
import { HeadFinder } from '../../../proxy/relay/head-finder.ts'
import { HeldBytes } from '../../../proxy/relay/held-bytes.ts'
import { Intake } from '../../../proxy/relay/intake.ts'
import { OriginLeg } from '../../../proxy/relay/origin-leg.ts'
import { OriginPool } from '../../../proxy/relay/origin-pool.ts'
import { RelayExchange } from '../../../proxy/relay/relay-exchange.ts'
import { StreamBody } from '../../../proxy/relay/stream-body.ts'
import { StreamExchange } from '../../../proxy/relay/stream-exchange.ts'
import { StreamForwarding } from '../../../proxy/relay/stream-forward.ts'
import { TappedAnswer } from '../../../proxy/relay/tapped-answer.ts'
import { eventually, metric, watchProcess } from '../../e2e/observe.ts'
import { ALLOW_ALL, ask2, CONTENT, openHttp, openHttp2, upload, UPLOAD } from '../../e2e/wire.ts'
import { startWorld } from '../../e2e/world.ts'

const faults = watchProcess(t)
const world = await startWorld()
t.teardown(() => world.close())
await world.setPolicy(ALLOW_ALL)

/** Where a defect is put: a method that requests come through. */
const PLACES: readonly (readonly [place: string, owner: object, method: string])[] = [
  ['recognising', dropbox, 'recognise'],
  ['counting a body', Meter.prototype, 'take'],
  ['the end of a body', Meter.prototype, 'end'],
  ['breaking a body off', Meter.prototype, 'abort'],
  ['letting go of a body', Meter.prototype, 'release'],
  ['what is known of sessions', Sessions.prototype, 'get'],
  ['counting a session', Sessions.prototype, 'open'],
  ['reading answers', AnswerReader.prototype, 'read'],
  ['what is to be waited for', AnswerReader.prototype, 'settled'],
  ['writing events', Events.prototype, 'record'],
  ['counting usage', Usage.prototype, 'add'],
  ['writing bindings', BindingWriter.prototype, 'add'],
]

/** Those that only the relay comes through, whichever protocol it carries… */
const RELAY_PLACES: typeof PLACES = [
  ['finding a head', HeadFinder.prototype, 'take'],
  ['what waits', HeldBytes.prototype, 'shift'],
  ['reading a body', BodyReader.prototype, 'scan'],
  ['taking an origin\'s connection', OriginPool.prototype, 'take'],
  ['keeping an origin\'s connection', OriginPool.prototype, 'give'],
  ['writing to the origin', OriginLeg.prototype, 'write'],
  ['giving an origin\'s connection up', OriginLeg.prototype, 'destroy'],
  ['who reads an answer along', TappedAnswer.prototype, 'ended'],
  ['going to the origin', Forwarding.prototype, 'begin'],
  ['the beginning of an answer', Forwarding.prototype, 'answered'],
  ['the end of an answer', Forwarding.prototype, 'ended'],
  ['an origin that failed', Forwarding.prototype, 'failed'],
  ['refusing for a fault', Conductor.prototype, 'fail'],
  ['who waits for an exchange to be over', RelayExchange.prototype, 'tellClosed'],
]

/** …HTTP/1.1 alone… */
const CONNECTION_PLACES: typeof PLACES = [
  ['holding what came early', HeldBytes.prototype, 'putBack'],
  ['sending a body', ConnectionExchange.prototype, 'sendBody'],
  ['going on to the origin', ConnectionForwarding.prototype, 'send'],
  ['writing an answer', ConnectionForwarding.prototype, 'beginAnswer'],
  ['answering', ClientConnection.prototype, 'answerEnded'],
  ['passing a body on', Intake.prototype, 'pump'],
]

/** …and HTTP/2. */
const STREAM_PLACES: typeof PLACES = [
  ['a stream\'s body before anything left', StreamBody.prototype, 'mayBegin'],
  ['passing a stream\'s body on', StreamBody.prototype, 'pass'],
  ['reading a stream\'s body', StreamBody.prototype, 'flow'],
  ['going on to the origin for a stream', StreamForwarding.prototype, 'send'],
  ['writing a stream\'s answer', StreamForwarding.prototype, 'beginAnswer'],
  ['more of a stream\'s answer', StreamForwarding.prototype, 'more'],
  ['ending a stream\'s answer', StreamExchange.prototype, 'endAnswer'],
]

const VERSIONS = new Map<string, readonly (1 | 2)[]>([...CONNECTION_PLACES.map(([place]) => [place, [1]] as const), ...STREAM_PLACES.map(([place]) => [place, [2]] as const)])

for (const [place, owner, method] of [...PLACES, ...RELAY_PLACES, ...CONNECTION_PLACES, ...STREAM_PLACES]) {
  for (const version of VERSIONS.get(place) ?? [1, 2] as const) {
    t.test(`${place}, over HTTP/${version}`, async (t) => {
      faults.length = 0
      const sound: unknown = Reflect.get(owner, method)
      t.equal(typeof sound, 'function')
      Reflect.set(owner, method, () => { throw new Error('a defect') })
      try {
        const status = await (version === 1 ? over1() : over2())
        t.ok(status === 0 || status === 200 || status === 403 || status >= 500, `${status}`)
        await cutOff(version)
      } finally {
        Reflect.set(owner, method, sound)
      }
      t.strictSame(faults, [], 'nothing that would have ended the process')
      t.equal(await over1(), 200, 'the next is served')
      t.ok(await eventually(async () => await metric(world, 'sluice_tunnels_open') === 0), 'no tunnel is left')
    })
  }
}

let files = 0

/** The status of a whole upload; 0 for none. */
async function over1(): Promise<number> {
  const wire = await openHttp(world, CONTENT)
  try {
    wire.write(upload('hello', { name: `${++files}.bin` }))
    return (await wire.response()).status
  } finally {
    wire.close()
  }
}

async function over2(): Promise<number> {
  const session = await openHttp2(world, CONTENT)
  const { status } = await ask2(session, fields(), Buffer.from('hello'))
  session.destroy()
  return status
}

/** An upload that its client breaks off. */
async function cutOff(version: 1 | 2): Promise<void> {
  if (version === 1) {
    const wire = await openHttp(world, CONTENT)
    wire.write(upload('hello', { name: `${++files}.bin`, fields: ['Content-Length: 10'] }))
    await new Promise((resolve) => setTimeout(resolve, 50))
    wire.close()
    return
  }
  const session = await openHttp2(world, CONTENT)
  const stream = session.request(fields())
  stream.on('error', () => undefined) // it is left in the middle
  stream.write('hello')
  await new Promise((resolve) => setTimeout(resolve, 50))
  session.destroy()
}

function fields(): Record<string, string> {
  return { ':method': 'POST', ':path': UPLOAD, authorization: 'Bearer t', 'dropbox-api-arg': JSON.stringify({ path: `/${++files}.bin` }), 'content-type': 'application/octet-stream' }
}
