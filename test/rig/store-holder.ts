/**
 * A process with a data folder of its own: says `open` and waits to be killed, or why it was refused. With `until-full` it charges
 * call after call, says `charged` or why not, goes on for a while after the first failure, and closes.
 *
 *     node store-holder.js FOLDER [until-full]
 */
import { FolderError, type Opened, openEmbedded } from '../../gateway/stores/index.ts'
import { ScriptedClock } from './scripted.ts'
import { connectionOf } from './acme.ts'
import { charge, credits, fund, reserve, supply } from './store.ts'

const [, , folder = '', wish] = process.argv
const ACCOUNT = 'of-the-holder'
const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function untilFull(opened: Opened): Promise<void> {
  const claim = supply(credits(`key:${ACCOUNT}`), [connectionOf('acme')])
  for (let index = 0, failures = 0; failures < 5; index += 1) {
    const reserved = await reserve(opened, `c${index}`, claim)
    if (reserved.kind !== 'held') {
      failures += 1
      say(reserved.kind === 'refused' ? reserved.code : reserved.kind)
      continue
    }
    await opened.store.commit(`c${index}`, charge(reserved.chosen)).then(
      () => say('charged'),
      (error: Error) => say(error.message),
    )
  }
  say(`${opened.slow() ? 'slow, ' : ''}failed: ${opened.failed()?.message}`)
  await opened.store.close()
}

// A limit on the size of a file then shows as a failed write, and not as the end of the process.
process.on('SIGXFSZ', () => undefined)
try {
  const opened = openEmbedded({ folder, mode: 'sandbox', name: 'test', replayBytes: 1_000_000, clock: new ScriptedClock(), onGroup: () => undefined })
  opened.admin.configure([connectionOf('acme')])
  await fund(opened, '$1000', ACCOUNT)
  if (wish === 'until-full') await untilFull(opened)
  else {
    say('open')
    process.stdin.resume()
  }
} catch (error) {
  if (!(error instanceof FolderError)) throw error
  say(error.message)
}
