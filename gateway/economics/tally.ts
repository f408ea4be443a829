/** Calls that were played, in figures: as they were recorded, as they went after the change, and what there is to be said of that. */
import type { Usd } from '#contract'
import { type Alike, isSold, isUncharged, type Sale } from './alike.ts'
import { type Counted, Figures, type Notes } from './figures.ts'
import type { Called, SoldSaid, UnchargedSaid } from './said.ts'

type Call = Alike<Called>

/** How it went, times how often. `ownerOf`: of a connection that was only tried, as far as it is known. */
export function recordedIn(calls: readonly Call[], ownerOf: (connection: string) => string | undefined): Figures {
  const figures = new Figures()
  for (const { said, calls: count, reversed } of calls) {
    if (count === 0 || (said.t === 'u' && (said.kind === 'replayed' || said.kind === 'unknown'))) continue
    if (said.t === 'c') addSold(figures, said, count, reversed)
    else if (said.code !== '') figures.refused(said.api, said.code, count)
    for (const [tried, units] of said.wasted) figures.of(tried, ownerOf(tried) ?? (said.t === 'c' ? said.owner : '')).wastedUnits += units * count
  }
  return figures
}

function addSold(figures: Figures, { connection, owner, by, units, price, platform }: SoldSaid, count: number, reversed: number): void {
  const sums = figures.of(connection, owner)
  if (by === 'owner') {
    sums.ownUnits += units * count
    return
  }
  const paid = BigInt(count - reversed)
  sums.callsSold += count
  sums.unitsSold += units * count
  sums.revenue += price * paid
  sums.platform += platform * paid
}

/** What was sold after the change, beside what is in the figures already. */
export function addSales(figures: Figures, calls: readonly Call[]): void {
  for (const { sales } of calls) for (const sale of sales) addSale(figures, sale)
}

function addSale(figures: Figures, { alternative, units, price, isOwn, calls, reversed }: Sale): void {
  const sums = figures.of(alternative.connection, alternative.owner)
  if (isOwn) {
    sums.ownUnits += units * calls
    return
  }
  const paid = BigInt(calls - reversed)
  sums.callsSold += calls
  sums.unitsSold += units * calls
  sums.revenue += price * paid
  sums.platform += alternative.platformShare(price as Usd, units) * paid
}

export function notesOf(all: readonly Call[]): Notes {
  const notes: Notes = {
    ...{ calls: { sold: 0, uncharged: 0 }, dearer: { calls: 0, revenue: 0n }, regained: { calls: 0, revenue: 0n } },
    ...{ lost: { calls: 0, revenue: 0n }, unexplained: 0, unknown: 0, asRecorded: 0 },
  }
  for (const call of all) {
    if (isSold(call)) noteSold(notes, call)
    else if (isUncharged(call)) noteUncharged(notes, call)
  }
  return notes
}

function noteSold(notes: Notes, { said, calls, lost, lostReversed, takesAsRecorded, sales }: Alike<SoldSaid>): void {
  notes.calls.sold += calls
  if (takesAsRecorded) notes.asRecorded += calls
  if (said.by === 'owner') return
  notes.lost.calls += lost
  notes.lost.revenue += said.price * BigInt(lost - lostReversed)
  for (const sale of sales) if (sale.price > said.price) addTo(notes.dearer, sale)
}

function noteUncharged(notes: Notes, { said, calls, unexplained, sales }: Alike<UnchargedSaid>): void {
  // The same answer again was no call of its own.
  if (said.kind === 'replayed') return
  notes.calls.uncharged += calls
  if (said.kind === 'unknown') notes.unknown += calls
  notes.unexplained += unexplained
  for (const sale of sales) if (!sale.isOwn) addTo(notes.regained, sale)
}

function addTo(counted: Counted, { price, calls, reversed }: Sale): void {
  counted.calls += calls
  counted.revenue += price * BigInt(calls - reversed)
}
