/** Preloaded into a gateway: writes down which bytes of the journal it has written and not yet synced. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { splitSync } from '../rig/split-sync.ts'

interface Range {
  from: number
  to: number
}

interface Watched {
  readonly path: string
  size: number
  dirty: Range[]
}

const file = process.env.ATLAS_TEST_UNSYNCED
const watched = new Map<number, Watched>()

const { openSync, write, fdatasync, fsyncSync, fdatasyncSync } = fs

/** Only what a power cut could take: journals, which alone promise anything. */
const isJournal = (path: unknown): path is string => typeof path === 'string' && /\.seg$|journal\.log$/.test(path)

/** Overwritten in place, with its end last: a reader sees whether it is whole. */
function keep(): void {
  if (file === undefined) return
  const lost = [...watched.values()].flatMap(({ path, size, dirty }) => dirty.map(({ from, to }) => ({ path, from, bytes: to - from, size })))
  fs.writeFileSync(file, `${JSON.stringify(lost)}\n`)
}

const synced = (fd: number, ranges: readonly Range[]): void => {
  const one = watched.get(fd)
  if (one === undefined) return
  one.dirty = one.dirty.filter((range) => !ranges.includes(range))
  one.size = Math.max(one.size, ...ranges.map(({ to }) => to))
  keep()
}

Object.assign(fs, {
  openSync: (path: fs.PathLike, flags?: fs.OpenMode, mode?: fs.Mode): number => {
    const fd = openSync(path, flags ?? 'r', mode)
    if (isJournal(path) && flags !== 'r' && flags !== undefined) watched.set(fd, { path, size: fs.fstatSync(fd).size, dirty: [] })
    else watched.delete(fd)
    return fd
  },
  write: (fd: number, bytes: Buffer, from: number, length: number, position: number, done: (error: Error | null, written: number) => void): void => {
    const one = watched.get(fd)
    if (one !== undefined) {
      one.dirty.push({ from: position, to: position + length })
      keep()
    }
    write(fd, bytes, from, length, position, done)
  },
  fdatasync: (fd: number, done: (error: Error | null) => void): void => {
    const ranges = [...(watched.get(fd)?.dirty ?? [])]
    fdatasync(fd, (error) => {
      if (error === null) synced(fd, ranges)
      done(error)
    })
  },
  fsyncSync: (fd: number): void => {
    const ranges = [...(watched.get(fd)?.dirty ?? [])]
    fsyncSync(fd)
    synced(fd, ranges)
  },
  fdatasyncSync: (fd: number): void => {
    const ranges = [...(watched.get(fd)?.dirty ?? [])]
    fdatasyncSync(fd)
    synced(fd, ranges)
  },
})
syncBuiltinESMExports()
splitSync()
