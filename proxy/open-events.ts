import { Events } from '../dashboards/events.ts'
import { History, newestSequence } from '../dashboards/history.ts'
import { keepTidy } from '../dashboards/retention.ts'
import { createSinks } from '../dashboards/sinks/index.ts'
import type { Log as StoreLog } from '../policy/store/log.ts'
import type { Config } from './config.ts'
import type { Logger } from './log.ts'
import { openPseudonyms } from './open-pseudonyms.ts'

/** Where events go and are read again. `path`: the file that is read, null where there is none; `pseudonyms`: undefined where people are named. */
export async function openEvents(config: Config, log: Logger, storeLog: StoreLog) {
  const pseudonyms = config.events.pseudonymise ? await openPseudonyms(config, storeLog) : undefined
  const sinks = createSinks(config.events.sinks, (file, error) => log.warn({ file, error: error.message }, 'an event file could not be rotated'))
  const events = new Events(sinks, {
    after: await newestSequence(sinks),
    onFailure: (sink, error) => {
      if (error === null) log.info({ sink }, 'event sink works again')
      else log.warn({ sink, error: error.message }, 'event sink fails')
    },
  })
  const stopTidying = keepTidy(sinks, {
    retention: config.events.retention,
    onRemoved: (file) => log.info({ file }, 'events older than events.retention were removed'),
    onFailure: (file, error) => log.warn({ file, error: error.message }, 'old events could not be removed'),
  })
  const path = sinks[0]?.path ?? null
  return {
    events, pseudonyms, path,
    history: new History(events, path),
    async close(): Promise<void> {
      await stopTidying()
      await events.close()
    },
  }
}
