/** Books as they are opened, whichever driver: fed by whoever joins the rooms, asked through the port. */
import type { Books } from '#contract'
import type { FedGroup } from './thread.ts'
import type { Trail } from './trail.ts'

export interface OpenBooks {
  readonly books: Books
  /** The audit log as these books show it. */
  readonly trail: Trail
  /** Tells these books from others: followers of an outbox are known by it. */
  readonly id: string
  /** For a journal: the last group that is in these books. */
  readonly fedUpTo: number
  /** For a journal: each group that became durable, in order. Its memory is copied before this returns. */
  feed(group: FedGroup): void
  /** For a journal, when everything that was replayed has been fed. @throws BooksError when the books were made from another one */
  joined(): Promise<void>
  /** What is wrong now; undefined as soon as it is well again. */
  failed(): Error | undefined
}
