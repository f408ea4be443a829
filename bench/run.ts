/** `npm run bench`: all cases in interleaved rounds, medians, one table. Asserts no times; a wrong answer or wrong books fail the run. */

import { availableParallelism } from 'node:os'
import type { Around } from './case.ts'
import { kinds } from './cases.ts'
import type { Figures } from './figures.ts'
import { options } from './options.ts'
import { answer, start, stop } from './process.ts'
import { Rounds, Tally } from './rounds.ts'
import { fullTable, halfTable } from './tables.ts'

/** Until the JIT has seen each case's code often enough: the larger a server, the longer; the same for all. */
const WARM_UP_SECONDS = 6
const NATIVE_WARM_UP_SECONDS = 2
const NATIVE = new Set(['direct', 'nginx', 'nginx-lua'])
/** Half of what a server can do. */
const HALF = 0.5

const { rounds, seconds, only } = options()
const failures: string[] = []
const facilitator = start('./servers/facilitator.js')
const upstream = start('./servers/upstream.js')
const around: Around = {
  upstream: { child: upstream, port: (await answer<{ port: number }>(upstream)).port },
  facilitatorPort: (await answer<{ port: number }>(facilitator)).port,
}
const load = new Rounds()
const tallies = await startCases()
for (const tally of tallies) {
  const most = NATIVE.has(tally.item.name) ? NATIVE_WARM_UP_SECONDS : WARM_UP_SECONDS
  await load.load(tally, { seconds: Math.min(most, 2 * seconds) })
}
await load.interleaved(tallies, rounds, async (tally) => void tally.rounds.push(await load.load(tally, { seconds })))
for (const tally of tallies) tally.halfRate = halfRateOf(tally)
await load.interleaved(tallies, rounds, async (tally) => void tally.half.push(await load.load(tally, { seconds, rate: tally.halfRate })))
const figures: readonly Figures[] = tallies.map((tally) => tally.figures())
console.log(`Node ${process.version}, ${availableParallelism()} cores, ${rounds} rounds of ${seconds} s, medians\n`)
console.log(`${fullTable(figures)}\n\n${halfTable(figures)}\n`)
await checkAll()
for (const { item } of tallies) await item.stop()
load.close()
await stop(upstream)
await stop(facilitator)
process.exitCode = failures.length > 0 ? 1 : 0

async function startCases(): Promise<readonly Tally[]> {
  const started: Tally[] = []
  for (const [name, kind] of kinds) {
    if (!only.includes(name)) continue
    const item = await kind.start(around)
    if ('skipped' in item) console.log(`${name}: SKIPPED, ${item.skipped}`)
    else started.push(new Tally(item, kind.title))
  }
  return started
}

/** The same for all who can bear it, so that latencies can be compared: half of the slower one of the bare proxy and this gateway. */
function halfRateOf(tally: Tally): number {
  const compared = tallies.filter(({ item }) => item.name === 'undici' || item.name === 'gateway').map(({ perSecond }) => perSecond)
  return Math.max(1, Math.floor(Math.min(tally.perSecond, ...compared) * HALF))
}

async function checkAll(): Promise<void> {
  for (const { item, wrong, answered, head } of tallies) {
    const said = [...wrong].map(([status, count]) => `${count} × ${status}`).join(', ')
    if (said !== '') failures.push(`${item.name}: answers other than 200: ${said}`)
    const books = await item.check?.({ answered, refused: [...wrong.values()].reduce((sum, count) => sum + count, 0), head })
    if (books?.ok === true) console.log(`books of ${item.name}: ${books.line}`)
    if (books?.ok === false) failures.push(`books of ${item.name}: ${books.line}`)
  }
  if (tallies.length === 0) failures.push('no case ran')
  for (const failure of failures) console.log(`FAILED ${failure}`)
  if (failures.length === 0) console.log('every answer was 200')
}
