/** How the soaked gateway and what it stands on are at a moment: memory, descriptors, threads, files. Read from outside, where that is possible. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Inside } from './inside.ts'

export interface Sample {
  /** Seconds since the run began. */
  readonly at: number
  readonly life: number
  /** Calls that were begun until then, and of them those that were charged. */
  readonly calls: number
  readonly charged: number
  readonly reloads: number
  readonly rss: number
  readonly heap: number
  readonly external: number
  readonly descriptors: number
  readonly threads: number
  readonly timers: number
  readonly sockets: number
  readonly delayP99: number
  readonly delayMax: number
  /** Bytes and number of the files in the state folder, by sort. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly count: number }>>
  readonly redisBytes: number
  readonly outbox: number
  readonly postgresBytes: number
}

/** Undefined when there is no such process (any more). */
export function processOf(pid: number): Pick<Sample, 'rss' | 'descriptors' | 'threads'> | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    return { rss: number('VmRSS') * 1024, threads: number('Threads'), descriptors: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return undefined
  }
}

/** What the process says of itself; undefined before its first word. */
export function insideOf(file: string, pid: number): Inside | undefined {
  try {
    const inside = JSON.parse(readFileSync(file, 'utf8')) as Inside
    return inside.pid === pid ? inside : undefined
  } catch {
    // It is being written.
    return undefined
  }
}

const SORTS: readonly (readonly [RegExp, string])[] = [
  [/\.seg$/, 'segments'],
  [/^snapshot-/, 'snapshots'],
  [/\.idx$|\.index$/, 'indexes'],
  [/\.db(-wal|-shm)?$/, 'books'],
  [/^calls.*\.jsonl/, 'calls'],
]

export function filesOf(folder: string): Sample['files'] {
  const found: Record<string, { bytes: number; count: number }> = {}
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const sort = SORTS.find(([pattern]) => pattern.test(entry.name))?.[1] ?? 'others'
    const sum = found[sort] ?? { bytes: 0, count: 0 }
    found[sort] = sum
    try {
      // Segments are filled with zeros ahead: what counts is what is on the disk.
      sum.bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512
      sum.count += 1
    } catch {
      // Gone meanwhile.
    }
  }
  return found
}

export const bytesOf = ({ files }: Sample): number => Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0)
export const countOf = ({ files }: Sample, but: string): number =>
  Object.entries(files).reduce((sum, [sort, { count }]) => (sort === but ? sum : sum + count), 0)
