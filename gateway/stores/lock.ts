/**
 * One process a data folder: an exclusive lock of the operating system, taken through a small SQLite file, so that it ends
 * with the process however that dies. A file with a process id in it would outlive a kill.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'

export class FolderError extends Error {
  override name = 'FolderError'
}

export function lockFolder(folder: string): { release(): void } {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new FolderError(`the data folder ${folder} cannot be made (${codeOf(cause)}); choose another store.path or correct its permissions`, { cause })
  }
  let db: Database.Database | undefined
  try {
    db = new Database(join(folder, 'lock.db'))
    db.exec('PRAGMA locking_mode=EXCLUSIVE')
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db?.close()
    if (/busy|locked/i.test(String(cause)))
      throw new FolderError(`the data folder ${folder} is in use by another process; stop it, or choose another store.path`, { cause })
    throw new FolderError(`the data folder ${folder} cannot be used (${codeOf(cause)}); choose another store.path or correct its permissions`, { cause })
  }
  const held = db
  return { release: () => void held.close() }
}

/** SQLite's errors may have an empty code. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && error.code !== '' ? String(error.code) : error.message
}
