/**
 * A gateway with a million keys and ten million calls behind it beside an empty one: requests/s in interleaved rounds, and how long
 * a start takes. The journal is written straight into its segments, as the store itself writes it; the books are fed from it by a
 * start of the gateway, as after a restore. Needs 12 GB and about ten minutes.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Atlas } from './atlas.ts'
import type { Growth } from './growth-result.ts'
import { medianOf, quotient } from './figures.ts'
import { configurationOf } from './gateway-config.ts'
import { keyRequest } from './requests.ts'
import { residentMb, temporaryFolder } from './process.ts'
import { type Rounds, Tally } from './rounds.ts'

const KEYS = 1_000_000
const RECORDS = 10_000_000
const CALLERS = 16
/** Over which the calls are spread: November 2025 and the twelve months after it. */
const FIRST_YEAR = 2025
const FIRST_MONTH = 10
const MONTHS = 12
const WARM_UP_SECONDS = 6
const CAUGHT_UP_WITHIN_MS = 1_800_000

interface Length {
  readonly rounds: number
  readonly seconds: number
  readonly keys?: number
  readonly records?: number
}

export async function measureGrowth(load: Rounds, upstreamPort: number, { rounds, seconds, keys = KEYS, records = RECORDS }: Length): Promise<Growth> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'data'))
  const configuration = configurationOf({ upstreamPort, storeName: 'test' })
  makeJournal(join(folder, 'data'), records, keys)
  const grown = await Atlas.in(folder, configuration)
  await grown.start()
  await caughtUp(grown, records)
  await grown.stop()
  const empty = await Atlas.fresh(configuration)
  const readyMs = await grown.start()
  const emptyReadyMs = await empty.start()
  const idleMb = residentMb(grown.pid)
  const tallies = [await tallyOf('grown', grown), await tallyOf('empty', empty)] as const
  for (const tally of tallies) await load.load(tally, { seconds: WARM_UP_SECONDS })
  // More rounds than elsewhere: two are compared, and 10 % are meant.
  await load.interleaved(tallies, 2 * rounds, async (tally) => void tally.rounds.push(await load.load(tally, { seconds })))
  const [many, none] = tallies.map((tally) => medianOf(tally.rounds)?.perSecond)
  for (const atlas of [grown, empty]) await atlas.stop()
  if (tallies.some((tally) => tally.isSpoiled)) throw new Error(`growth: answers other than 200: ${tallies.map((tally) => tally.complaint).join('; ')}`)
  return { date: new Date().toISOString().slice(0, 10), keys, records, ratio: quotient(many, none) as number, readyMs, emptyReadyMs, idleMb }
}

/** In a process of its own: what it needs says nothing of what a gateway needs. */
function makeJournal(folder: string, records: number, keys: number): void {
  const file = fileURLToPath(new URL('../test/rig/growth.js', import.meta.url))
  const made = spawnSync(process.execPath, [file, 'make', folder, String(records), '', String(keys)], { stdio: ['ignore', 'inherit', 'inherit'] })
  if (made.status !== 0) throw new Error(`the journal could not be made: status ${made.status}`)
  // Else the first charges would wait until the disk has taken all of it.
  spawnSync('sync')
}

/** A report counts every call that is in the journal, so that it waits for the books. */
async function caughtUp(atlas: Atlas, records: number): Promise<void> {
  const untilMs = performance.now() + CAUGHT_UP_WITHIN_MS
  for (;;) {
    const sold = await soldEver(atlas).catch(() => 0)
    if (sold >= records) return
    if (performance.now() > untilMs) throw new Error(`the books have ${sold} of ${records} calls after ${CAUGHT_UP_WITHIN_MS / 60_000} minutes`)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
}

async function soldEver(atlas: Atlas): Promise<number> {
  let sold = 0
  for (let month = 0; month <= MONTHS; month += 1) {
    const of = new Date(Date.UTC(FIRST_YEAR, FIRST_MONTH + month)).toISOString().slice(0, 7)
    const { total } = await atlas.json<{ total: { calls_sold: number } }>('report', '--month', of)
    sold += total.calls_sold
  }
  return sold
}

async function tallyOf(name: string, atlas: Atlas): Promise<Tally> {
  const requests: string[] = []
  for (let index = 0; index < CALLERS; index += 1) requests.push(keyRequest(atlas.port, await atlas.createKey({ credits: '$10000000' })))
  return new Tally({ name, port: atlas.port, pid: atlas.pid, requests, stop: () => atlas.stop() }, name)
}
