/** Recorded calls, read from the gateway that runs or from its store; how many so far is shown on a terminal. */
import { type Recorded, RecordedReader } from '../../economics/index.ts'
import { askLong } from './asking.ts'
import type { Good } from './context.ts'
import { Progress } from './progress.ts'

/** `since`: epoch milliseconds. @throws Failure */
export async function readRecorded(of: Good, since: number): Promise<Recorded> {
  const reader = new RecordedReader()
  const progress = new Progress('calls read')
  try {
    await askLong(of, '/api/calls', { since: Math.max(0, Math.floor(since)) }, (piece) => {
      reader.take(typeof piece === 'string' ? Buffer.from(piece) : piece)
      progress.at(reader.count)
    })
  } finally {
    progress.done()
  }
  return reader.end()
}
