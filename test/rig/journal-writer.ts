/**
 * A process that writes a journal as fast as it can and says on stdout (a pipe, so written at once), a line each, which records were acknowledged:
 * `ok <id>`; and once a write has failed `no <id>` for those that were not. It is there to be killed.
 *
 *     node journal-writer.js FOLDER PREFIX SEED [RECORDS]
 */
import { createHash } from 'node:crypto'
import { Journal } from '../../gateway/stores/journal.ts'
import { randomFrom } from './random.ts'

const [, , folder = '', prefix = '', seed = '1', most = 'Infinity'] = process.argv
const IN_FLIGHT = 200
/** Small, so that the end often comes while one segment follows another. */
export const SEGMENT_BYTES = 128 * 1024

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

function run(): void {
  // A limit on the size of a file then shows as a failed write, and not as the end of the process.
  process.on('SIGXFSZ', () => undefined)
  const random = randomFrom(Number(seed))
  const { journal } = Journal.open({ folder, segmentBytes: SEGMENT_BYTES, replay: () => undefined, onGroup: () => undefined })
  let count = 0
  let waiting = 0
  const put = (): void => {
    const id = `${prefix}-${count}`
    count += 1
    waiting += 1
    const filler = 'ä{}"='.repeat(Math.floor(random() * random() * 200))
    journal.append(JSON.stringify({ id, filler, digest: digestOf(id + filler) }), (error) => {
      waiting -= 1
      process.stdout.write(`${error === undefined ? 'ok' : 'no'} ${id}\n`)
    })
  }
  // Bursts of all sizes, so that groups of one record and of many are on their way when the end comes.
  const burst = (): void => {
    const size = Math.ceil(random() * random() * 40)
    // A full disk is waited for: then this one has come to its end.
    if (journal.isSlow) void journal.close()
    for (let i = 0; i < size && waiting < IN_FLIGHT && count < Number(most); i += 1) put()
    if (count < Number(most)) setImmediate(burst)
  }
  burst()
}

if (process.argv[1]?.endsWith('journal-writer.js') === true) run()
