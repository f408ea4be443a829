/** What is recorded of calls: the charged ones from the books, the others from the log in the store's folder. */
import type { Books } from '#contract'
import { readUncharged } from '../books/uncharged.ts'

export async function* recordedCalls(books: Books, folder: string, sinceMs: number): AsyncIterable<Uint8Array> {
  yield* books.calls(sinceMs)
  yield* readUncharged({ folder, sinceMs }).lines
}
