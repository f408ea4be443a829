/**
 * One writer at a time, among all processes: a lock of the operating system, taken through a small SQLite file, so that it ends
 * with the process however that dies. Readers need none: the file that they read is always whole.
 */
import { VaultError } from '#contract'
import { makeEmpty } from './disk.ts'

const TRY_EVERY_MS = 20
const WAIT_MS = 15_000

/** Within this process one after the other: the system's lock is the process's, and closing the file twice would end it. */
const turns = new Map<string, Promise<unknown>>()

export function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(file) ?? Promise.resolve()
  const mine = before.then(() => locked(file, work))
  const settled = mine.then(
    () => undefined,
    () => undefined,
  )
  turns.set(file, settled)
  void settled.then(() => {
    if (turns.get(file) === settled) turns.delete(file)
  })
  return mine
}

async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  const held = await acquire(file)
  try {
    return await work()
  } finally {
    held.close()
  }
}

async function acquire(file: string): Promise<{ close(): void }> {
  const { default: Database } = await import('libsql')
  await makeEmpty(file)
  const endMs = performance.now() + WAIT_MS
  for (;;) {
    const db = new Database(file)
    try {
      db.exec('PRAGMA locking_mode=EXCLUSIVE')
      db.exec('BEGIN EXCLUSIVE')
      return db
    } catch (cause) {
      db.close()
      if (!/busy|locked/i.test(String(cause))) throw new VaultError(`${file} cannot be locked (${String(cause)}); correct its permissions`, { cause })
      if (performance.now() > endMs) throw new VaultError(`${file} is held by another process for over ${WAIT_MS / 1000} s; try again`, { cause })
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS))
  }
}
