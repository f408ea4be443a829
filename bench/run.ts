/** `npm run bench`: all cases in interleaved rounds, medians, one page. Asserts no times; a wrong answer or wrong books fail the run. */

import { aimTable } from './aims.ts'
import { guardLines, saveBaseline } from './baseline.ts'
import type { Around } from './case.ts'
import { kinds } from './cases.ts'
import { type Figures, median } from './figures.ts'
import { measureGrowth } from './growth.ts'
import { readGrowth, writeGrowth } from './growth-result.ts'
import { machine, watchOthers } from './machine.ts'
import { options } from './options.ts'
import { writePage } from './page.ts'
import { answer, start, stop } from './process.ts'
import { Rounds, Tally } from './rounds.ts'
import { measureStartup } from './startup.ts'
import { shown } from './table.ts'
import { fullTable, halfTable } from './tables.ts'

/** Until the JIT has seen each case's code often enough: the larger a server, the longer. */
const WARM_UP_SECONDS = 6
const NATIVE_WARM_UP_SECONDS = 2
const NATIVE = new Set(['direct', 'nginx', 'nginx-lua'])
/** Half of what a server can do. */
const HALF = 0.5
/** Before a round counts: while the others had their turn, memory was given back and caches went to them. */
const WAKE_SECONDS = 1
/** Cores that others may use before it is said that the figures suffer. */
const DISTURBED = 0.2

const { rounds, seconds, only, isWhole, ...wanted } = options()
const failures: string[] = []
const skipped: string[] = []
const facilitator = start('./servers/facilitator.js')
const upstream = start('./servers/upstream.js')
const around: Around = {
  upstream: { child: upstream, port: (await answer<{ port: number }>(upstream)).port },
  facilitatorPort: (await answer<{ port: number }>(facilitator)).port,
}
const load = new Rounds()

const startup = only.includes('gateway') ? await measureStartup(around.upstream.port) : undefined
const tallies = await startCases()
const others = watchOthers()
const figures = await measure()
const disturbed = others()
await checkAll()
for (const { item } of tallies) await item.stop()
if (wanted.growth) writeGrowth(await measureGrowth(load, around.upstream.port, { rounds, seconds }))
tell()
load.close()
await stop(upstream)
await stop(facilitator)
process.exitCode = failures.length > 0 ? 1 : 0

async function startCases(): Promise<readonly Tally[]> {
  const started: Tally[] = []
  for (const [name, kind] of kinds) {
    if (!only.includes(name)) continue
    const item = await kind.start(around)
    if (!('skipped' in item)) started.push(new Tally(item, kind.title))
    else {
      skipped.push(`${kind.title}: skipped, ${item.skipped}`)
      console.log(skipped.at(-1))
    }
  }
  return started
}

async function measure(): Promise<readonly Figures[]> {
  for (const tally of tallies) {
    const most = NATIVE.has(tally.item.name) ? NATIVE_WARM_UP_SECONDS : WARM_UP_SECONDS
    await load.load(tally, { seconds: Math.min(most, 2 * seconds) })
  }
  const wake = Math.min(WAKE_SECONDS, seconds)
  await load.interleaved(tallies, rounds, async (tally) => {
    await load.load(tally, { seconds: wake })
    tally.rounds.push(await load.load(tally, { seconds }))
  })
  for (const tally of tallies) tally.halfRate = halfRateOf(tally)
  await load.interleaved(tallies, rounds, async (tally) => {
    const rate = tally.halfRate
    await load.load(tally, { seconds: wake, rate })
    tally.half.push(await load.load(tally, { seconds, rate }))
  })
  return tallies.map((tally) => tally.figures())
}

/** The same for all who can bear it, so that latencies can be compared: half of the slower one of the bare proxy and this gateway. */
function halfRateOf(tally: Tally): number {
  const compared = tallies.filter(({ item }) => item.name === 'undici' || item.name === 'gateway').map(({ perSecond }) => perSecond)
  return Math.max(1, Math.floor(Math.min(tally.perSecond, ...compared) * HALF))
}

async function checkAll(): Promise<void> {
  for (const tally of tallies) {
    const { item, answered, refused, head } = tally
    if (tally.isSpoiled) failures.push(tally.complaint)
    const books = await item.check?.({ answered, refused, head })
    if (books?.ok === true) console.log(`books of ${item.name}: ${books.line}`)
    if (books?.ok === false) failures.push(`books of ${item.name}: ${books.line}`)
  }
}

function tell(): void {
  const answered = tallies.reduce((sum, tally) => sum + tally.answered, 0).toLocaleString('en-US')
  const refused = tallies.filter((tally) => tally.refused > 0).map((tally) => tally.complaint)
  if (tallies.length === 0 && !wanted.growth) failures.push('no case ran')
  const page = [
    about(),
    aimTable({ figures, startup, growth: readGrowth() }),
    fullTable(figures),
    halfTable(figures),
    ...skipped.map((line) => `${line}.`),
    refused.length === 0
      ? `All ${answered} calls were answered with 200.`
      : `${answered} calls were answered with 200; refused while the machine stalled: ${refused.join('; ')}.`,
    ...failures.map((line) => `FAILED ${line}`),
    ...(failures.length === 0 && tallies.some(({ item }) => item.check !== undefined) ? ['The books name what was answered, to the micro-dollar.'] : []),
  ].join('\n\n')
  console.log(`\n${page}\n\n${guardLines(figures).join('\n')}`)
  // A failed run says nothing of speed.
  if (failures.length > 0) return
  if (isWhole) writePage(page)
  if (wanted.saveBaseline) saveBaseline(figures, machine())
}

/** When, where, how long, and what stood in the way. */
function about(): string {
  const length = `${rounds} interleaved rounds of ${seconds} s for each case, medians`
  const client = shown(median(figures.map(({ full }) => full.clientMicros)), 1)
  const late = shown(median(figures.map(({ half }) => half?.lateP99Ms)), 2)
  const busy = disturbed !== undefined && disturbed > DISTURBED ? ', so that these figures are worth little' : ''
  return `The run of ${new Date().toISOString().slice(0, 10)}: ${machine()}; ${length}. Other work on the machine took ${shown(disturbed, 2)} cores meanwhile${busy}. The client used ${client} µs of CPU a request, and on the timetable it was ${late} ms late at p99.`
}
