/** Does anything grow that should not? Looked at where nobody asks for anything and all garbage is collected, within one life of the gateway. */
import { bytesOf, countOf, type Sample } from './samples.ts'

export interface Grown {
  readonly rows: readonly { readonly what: string; readonly second: number; readonly last: number; readonly room: number }[]
  readonly wrong: readonly string[]
}

/** Fewer looks than this say nothing of memory. */
const LEAST = 8
const MIB = 2 ** 20
/** Of the heap, by call that was begun: what is kept for a day of each named call, of receipts and of what was used once. */
const KEPT_BYTES = 400
const FILE_BYTES = 2_500
/** Connections that stay open for the next call; a burst leaves more of them behind. */
const KEPT_OPEN = 160

export const median = (of: readonly number[]): number => [...of].sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? 0

/** The medians of the second and of the last quarter; with few looks the first and the last. */
function quarters(quiet: readonly Sample[]): readonly [readonly Sample[], readonly Sample[]] {
  const part = quiet.length / 4
  if (quiet.length < LEAST) return [quiet.slice(0, 1), quiet.slice(-1)]
  return [quiet.slice(Math.floor(part), Math.floor(2 * part)), quiet.slice(Math.floor(3 * part))]
}

/** A run of seconds on a slow machine may have a single quiet moment; one that is to show growth has many. */
const SHORT_MS = 60_000

/** `quiet`: looks of the life that was the longest, in their order; `ms` how long the run was to take. */
export function growthOf(quiet: readonly Sample[], ms: number): Grown {
  if (quiet.length < 2 && ms < SHORT_MS) return { rows: [], wrong: [] }
  if (quiet.length < 2) return { rows: [], wrong: [`there were ${quiet.length} quiet moments in the longest life, which show no growth`] }
  const [second, last] = quarters(quiet)
  const of = (what: (sample: Sample) => number): readonly [number, number] => [median(second.map(what)), median(last.map(what))]
  const [from, to] = of(({ calls }) => calls)
  const calls = to - from
  const isLong = quiet.length >= LEAST
  const room: readonly (readonly [string, (sample: Sample) => number, number])[] = [
    // Each connection has one of its own.
    ['timers beside sockets', ({ timers, sockets }) => timers - sockets, 60],
    ['sockets', ({ sockets }) => sockets, KEPT_OPEN],
    ['descriptors', ({ descriptors }) => descriptors, KEPT_OPEN],
    ['threads', ({ threads }) => threads, 2],
    ['files beside the journal', (sample) => countOf(sample, 'segments') - (sample.files.indexes?.count ?? 0), 3],
    ['heap, MiB', ({ heap }) => heap / MIB, isLong ? 3 + (KEPT_BYTES * calls) / MIB : 24],
    ['outside of the heap, MiB', ({ external }) => external / MIB, 8],
    ['resident, MiB', ({ rss }) => rss / MIB, isLong ? 24 + (2 * KEPT_BYTES * calls) / MIB : 80],
    ['files, MiB', (sample) => bytesOf(sample) / MIB, 8 + (FILE_BYTES * calls) / MIB],
    ['outbox, lines', ({ outbox }) => outbox, 100],
    ['Redis, MiB', ({ redisBytes }) => redisBytes / MIB, 4 + (2 * KEPT_BYTES * calls) / MIB],
    ['PostgreSQL, MiB', ({ postgresBytes }) => postgresBytes / MIB, 16 + (FILE_BYTES * calls) / MIB],
  ]
  const rows = room.map(([what, read, allowed]) => {
    const [before, after] = of(read)
    return { what, second: before, last: after, room: allowed }
  })
  const grown = rows.filter((row) => row.last - row.second > row.room)
  return {
    rows,
    wrong: grown.map(
      (row) => `${row.what}: ${row.second.toFixed(1)} became ${row.last.toFixed(1)} in ${calls} calls, of which ${row.room.toFixed(1)} can be explained`,
    ),
  }
}
