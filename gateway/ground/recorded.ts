/** What is recorded of calls: the charged ones from the books, the others from the log in the store's folder. */
import { type Books, unchargedLine } from '#contract'
import { readCalls } from '../books/calls.ts'

/** A piece each would be a write each. */
const PIECE = 1000

export async function* recordedCalls(books: Books, folder: string, sinceMs: number): AsyncIterable<string> {
  yield* books.calls(sinceMs)
  let piece = ''
  let count = 0
  for await (const record of readCalls({ folder, sinceMs }).records) {
    piece += unchargedLine(record)
    count += 1
    if (count % PIECE !== 0) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}
