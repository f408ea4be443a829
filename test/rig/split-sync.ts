/**
 * Journals are opened so that a write returns when it is on disk (O_DSYNC). For tests that stand between the two, each such
 * write becomes a write and an fdatasync of its own again: those of `node:fs` as they are when it is called, so that they may
 * be replaced before this or after it.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Synced, Written } from './disk.ts'

export function splitSync(): void {
  const { openSync, write } = fs
  const { O_DSYNC } = fs.constants
  const split = new Set<number>()
  Object.assign(fs, {
    openSync: (path: fs.PathLike, flags?: fs.OpenMode, mode?: fs.Mode): number => {
      const isSynced = typeof flags === 'number' && (flags & O_DSYNC) !== 0
      const fd = openSync(path, isSynced ? flags & ~O_DSYNC : (flags ?? 'r'), mode)
      if (isSynced) split.add(fd)
      else split.delete(fd)
      return fd
    },
    write: (fd: number, bytes: Buffer, from: number, length: number, at: number, done: Written): void => {
      if (!split.has(fd)) return write(fd, bytes, from, length, at, done)
      write(fd, bytes, from, length, at, (error, written) => {
        if (error !== null) return done(error, written)
        const synced: Synced = (failed) => done(failed, written)
        fs.fdatasync(fd, synced)
      })
    },
  })
  syncBuiltinESMExports()
}
