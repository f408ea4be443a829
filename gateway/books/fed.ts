/** Embedded books as the processes see them that do not feed them: the file is read as soon as the one that does has come far enough. */
import { compareIds, type Outbox } from './follower.ts'

/** How far the process that feeds has come. */
export interface Followed extends Pick<Outbox, 'lastId'> {
  reachedBy(): Promise<string>
}

export interface FedBooks {
  readonly folder: string
  /** By which the outbox knows them. */
  readonly id: string
  readonly followed: Followed
  /** Why they cannot be fed now. */
  failed(): Error | undefined
}

const LOOK_EVERY_MS = 20
/** As long as those wait who feed. */
const WITHIN_MS = 10_000

/** Resolves when everything that is in the outbox now is in the books. @throws Error after 10 s */
export async function caughtUp({ lastId, reachedBy }: Followed): Promise<void> {
  const id = await lastId()
  const endMs = performance.now() + WITHIN_MS
  while (compareIds(id, await reachedBy()) > 0) {
    if (performance.now() > endMs) throw new Error('the books have not read what was answered: the process that feeds them is behind')
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}
