/**
 * Charged calls a second into the books, by driver and group size: fed as fast as they are taken, ended by a report that has them all.
 *
 *     node gateway/build.mjs && node dist/bench/books.js [records]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Books } from '#contract'
import { openBooks } from '../gateway/books/index.ts'
import { openPostgresBooks } from '../gateway/books/postgres/index.ts'
import { chainOf, silent, soldCall } from '../test/rig/books.ts'
import { openPostgres } from '../test/rig/postgres.ts'

const SIZES = [16, 64, 256]
const ROUNDS = 3
const records = Number(process.argv[2] ?? 50_000)
const work: (() => unknown)[] = []
const later = { teardown: (one: () => unknown) => work.unshift(one) }

interface Opened {
  readonly books: Books
  feed(group: ReturnType<typeof chainOf>[number]): void
}

const folder = mkdtempSync(join(tmpdir(), 'atlas-bench-'))
later.teardown(() => rmSync(folder, { recursive: true, force: true }))
const server = await openPostgres(later, {}, { onDisk: true })
let opened = 0
const drivers: Readonly<Record<string, () => Opened | Promise<Opened>>> = {
  embedded: () => openBooks({ folder: join(folder, `b${opened++}`), mode: 'sandbox', flushed: () => Promise.resolve() }),
  postgres: () => {
    const source = { flushed: () => Promise.resolve() }
    return openPostgresBooks({ url: server.url, name: `b${opened++}`, mode: 'sandbox', source, log: silent })
  },
}

console.log(`${records} charged calls of 100 accounts, median of ${ROUNDS}; Node ${process.version}`)
for (const [name, open] of Object.entries(drivers)) {
  for (const size of SIZES) {
    const rates: number[] = []
    const cpus: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const groups = chainOf(
        Array.from({ length: Math.ceil(records / size) }, (_, group) =>
          Array.from({ length: size }, (_, index) => soldCall(`${round}-${size}-${group}-${index}`.padEnd(32, 'x'), `key:${(group * size + index) % 100}`)),
        ),
      )
      const { books, feed } = await open()
      const cpu = process.cpuUsage()
      const began = performance.now()
      for (const group of groups) feed(group)
      const [row] = await books.report('2026-11')
      const seconds = (performance.now() - began) / 1000
      const { user, system } = process.cpuUsage(cpu)
      const count = groups.length * size
      if (row?.callsSold !== count) throw new Error(`${row?.callsSold} calls, expected ${count}`)
      rates.push(count / seconds)
      cpus.push((user + system) / count)
      await books.close()
    }
    const median = (all: number[]): number => all.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
    console.log(
      `${name.padEnd(10)} groups of ${`${size}`.padStart(3)}  ${median(rates).toFixed(0).padStart(7)} records/s  ${median(cpus).toFixed(1).padStart(5)} µs CPU of this process`,
    )
  }
}
for (const one of work) await one()
