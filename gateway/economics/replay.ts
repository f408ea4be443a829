/**
 * Recorded calls one after the other, on two stages: the present file's, where everything goes as it was recorded, and the
 * changed one's, where it goes as its rules say. What the present rules do not explain is left as it was: a refusal for abuse,
 * for calls at once, for a provider that was away.
 */
import { type CallLine, isRefusal, priceOfUnits, type SoldLine, type StoreClaim, type UnchargedLine, type Units, type Usd } from '#contract'
import type { Taken } from '../stores/index.ts'
import { Figures, type Notes } from './figures.ts'
import type { Recorded } from './recorded.ts'
import { type Payer, Payers, type Stage } from './stage.ts'

/** Paces and shares are taken up from so long before the first call that counts. */
const PACES_BEFORE_MS = 3_600_000
/** What may be judged again, where the present rules explain it. */
const JUDGED: ReadonlySet<string> = new Set(['sold_out', 'rate_limited'])
/** The provider was asked. */
const ASKED: ReadonlySet<string> = new Set(['upstream_error', 'upstream_timeout'])

export class Replay {
  readonly before = new Figures()
  readonly after = new Figures()
  readonly notes: Notes = {
    ...{ calls: { sold: 0, uncharged: 0 }, dearer: { calls: 0, revenue: 0n }, regained: { calls: 0, revenue: 0n } },
    ...{ lost: { calls: 0, revenue: 0n }, unexplained: 0, unknown: 0, asRecorded: 0 },
  }
  readonly #present: Stage
  readonly #next: Stage
  readonly #sinceMs: number
  readonly #refunded: ReadonlySet<string>
  readonly #payers: Payers
  /** Whose paces have to be known on the present stage, too. */
  readonly #watched = new Set<string>()

  constructor({ head, events, refunded }: Recorded, stages: { readonly present: Stage; readonly next: Stage; readonly sinceMs: number }) {
    this.#present = stages.present
    this.#next = stages.next
    this.#sinceMs = stages.sinceMs
    this.#refunded = refunded
    this.#payers = new Payers(head)
    for (const event of events) if (event[0] === 'u' && event[6] === 'rate_limited') this.#watched.add(event[4])
  }

  play(event: CallLine): void {
    this.#present.rehearsal.at(event[1])
    this.#next.rehearsal.at(event[1])
    switch (event[0]) {
      case 'c':
        return event[1] < this.#sinceMs ? this.#soldEarlier(event) : this.#sold(event)
      case 'u':
        return event[1] < this.#sinceMs ? this.#wastedEarlier(event) : this.#uncharged(event)
      case 'w':
        for (const { rehearsal } of [this.#present, this.#next]) rehearsal.used(event[2], 'wasted', event[3])
        return
      case 'x':
        for (const { rehearsal } of [this.#present, this.#next]) rehearsal.external(event[2], event[3], event[4])
    }
  }

  // ---------------------------------------------------------------- before the first call that counts

  #soldEarlier(event: SoldLine): void {
    this.#asRecorded(this.#present, event)
    this.#asRecorded(this.#next, event)
    this.#spent(this.#next, event)
    if (this.#watched.has(event[6])) this.#spent(this.#present, event)
    if (event[1] < this.#sinceMs - PACES_BEFORE_MS) return
    const payer = this.#payers.of(event)
    if (payer === undefined) return
    pass(this.#next, event, payer)
    if (this.#watched.has(event[6])) pass(this.#present, event, payer)
  }

  #wastedEarlier(event: UnchargedLine): void {
    for (const [connection, units] of event[8]) for (const { rehearsal } of [this.#present, this.#next]) rehearsal.used(connection, 'wasted', units)
  }

  #asRecorded({ rehearsal }: Stage, event: SoldLine): void {
    rehearsal.used(event[9], event[8] === 'owner' ? 'own' : 'sold', event[12])
    for (const [tried, wasted] of event[15]) rehearsal.used(tried, 'wasted', wasted)
  }

  #spent({ rehearsal }: Stage, event: SoldLine): void {
    if (event[8] !== 'owner') rehearsal.spent(event[7], BigInt(event[13]))
  }

  // ---------------------------------------------------------------- charged

  #sold(event: SoldLine): void {
    this.notes.calls.sold += 1
    if (this.#next.takesAsRecorded(event)) this.notes.asRecorded += 1
    this.#asRecorded(this.#present, event)
    this.#countBefore(event)
    const payer = this.#payers.of(event) as Payer
    if (this.#watched.has(event[6])) {
      this.#spent(this.#present, event)
      pass(this.#present, event, payer)
    }
    const taken = this.#take(this.#next, event, payer)
    if (typeof taken === 'string') {
      this.after.refused(event[4], taken)
      if (event[8] === 'owner') return
      this.notes.lost.calls += 1
      this.notes.lost.revenue += this.#isRefunded(event) ? 0n : BigInt(event[13])
      return
    }
    const units = this.#unitsOf(event, taken)
    for (const [, wasted] of event[15]) this.#wasteAfter(taken, wasted)
    const price = this.#charge(taken, event, units)
    if (event[8] === 'owner' || price <= BigInt(event[13])) return
    this.notes.dearer.calls += 1
    this.notes.dearer.revenue += this.#isRefunded(event) ? 0n : price
  }

  #countBefore(event: SoldLine): void {
    const sums = this.before.of(event[9], event[10])
    for (const [connection, wasted] of event[15]) this.before.of(connection, this.#ownerOf(connection, event[10])).wastedUnits += wasted
    if (event[8] === 'owner') {
      sums.ownUnits += event[12]
      return
    }
    sums.callsSold += 1
    sums.unitsSold += event[12]
    if (this.#isRefunded(event)) return
    sums.revenue += BigInt(event[13])
    sums.platform += BigInt(event[14])
  }

  /** Where the operation has one number of units, it takes these; else what was charged of what was asked for. */
  #unitsOf(event: SoldLine, { alternative }: Taken): number {
    if (wasKept(event)) return 0
    return this.#next.takesAsRecorded(event) ? Math.min(event[12], alternative.units) : alternative.units
  }

  /** Credits pay what was used, payments what was quoted, owners nothing. Answers with the price. */
  #charge(taken: Taken, event: SoldLine | undefined, units: number): bigint {
    const { alternative, hold } = taken
    const sums = this.after.of(alternative.connection, alternative.owner)
    if (hold.payer.by === 'owner') {
      this.#next.rehearsal.charge(taken, units, 0n as Usd)
      sums.ownUnits += units
      return 0n
    }
    const isWhole = event !== undefined && (event[8] === 'x402' || wasKept(event))
    const price = isWhole ? alternative.price : priceOfUnits(alternative, units as Units)
    this.#next.rehearsal.charge(taken, units, price)
    sums.callsSold += 1
    sums.unitsSold += units
    if (event !== undefined && this.#isRefunded(event)) return price
    sums.revenue += price
    sums.platform += alternative.platformShare(price, units as Units)
    return price
  }

  #isRefunded = (event: SoldLine): boolean => this.#refunded.size > 0 && this.#refunded.has(event[3])

  // ---------------------------------------------------------------- not charged

  #uncharged(event: UnchargedLine): void {
    const [, , api, , , kind, code] = event
    if (kind === 'replayed') return
    this.notes.calls.uncharged += 1
    if (kind === 'unknown') {
      this.notes.unknown += 1
      return
    }
    for (const [connection, units] of event[8]) {
      this.#present.rehearsal.used(connection, 'wasted', units)
      this.before.of(connection, this.#ownerOf(connection, '')).wastedUnits += units
    }
    if (code !== '') this.before.refused(api, code)
    const payer = this.#payers.of(event)
    if (payer !== undefined && JUDGED.has(code)) return this.#judge(event, payer)
    if (payer !== undefined && (event[8].length > 0 || kind === 'passed' || ASKED.has(code))) return this.#unserved(event, payer)
    if (code !== '') this.after.refused(api, code)
  }

  /** Refused for want of units, or for a pace: does it still hold? */
  #judge(event: UnchargedLine, payer: Payer): void {
    const [, , api, , , , code] = event
    const explained = this.#take(this.#present, event, payer)
    if (typeof explained !== 'string') {
      this.#present.rehearsal.giveBack(explained, 0)
      this.notes.unexplained += 1
      return this.after.refused(api, code)
    }
    const taken = this.#take(this.#next, event, payer)
    if (typeof taken === 'string') return this.after.refused(api, taken)
    const price = this.#charge(taken, undefined, taken.alternative.units)
    if (taken.hold.payer.by === 'owner') return
    this.notes.regained.calls += 1
    this.notes.regained.revenue += price
  }

  /** The provider did not serve it, whoever's connection it is; what came to nothing does so again. */
  #unserved(event: UnchargedLine, payer: Payer): void {
    const [, , api, , , , code] = event
    const taken = this.#take(this.#next, event, payer)
    if (typeof taken === 'string') return this.after.refused(api, taken)
    const wasted = event[8].reduce((sum, [, units]) => sum + units, 0)
    this.#next.rehearsal.giveBack(taken, 0)
    this.#wasteAfter(taken, wasted)
    if (code !== '') this.after.refused(api, code)
  }

  #wasteAfter({ alternative, hold }: Taken, units: number): void {
    hold.tally.wasted += units
    this.after.of(alternative.connection, alternative.owner).wastedUnits += units
  }

  /** What it gets, or the code of its refusal. */
  #take(stage: Stage, event: SoldLine | UnchargedLine, payer: Payer): Taken | string {
    const claims = stage.ask(event, payer)
    if (isRefusal(claims)) return claims.code
    // A chain that asks for no units serves nobody.
    if (!claims.some(({ kind }) => kind === 'supply')) return 'unavailable'
    const taken = stage.rehearsal.take(claims)
    return taken.kind === 'taken' ? taken : taken.code
  }

  readonly #owners = new Map<string, string>()

  /** Of a connection that was only tried: as the other calls say. */
  #ownerOf(connection: string, otherwise: string): string {
    return this.#owners.get(connection) ?? otherwise
  }

  owns(connection: string, owner: string): void {
    this.#owners.set(connection, owner)
  }
}

/** Answered from what was kept of another call: paid for as if it were new, without a unit. */
const wasKept = (event: SoldLine): boolean => event[12] === 0 && event[13] !== '0'

/** Let through once: paces and shares are drawn on. */
function pass(stage: Stage, event: SoldLine, payer: Payer): void {
  const claims = stage.ask(event, payer)
  if (isRefusal(claims)) return
  const supply = claims.find((claim: StoreClaim) => claim.kind === 'supply')
  const alternative = supply?.alternatives[0]
  if (supply !== undefined && alternative !== undefined) stage.rehearsal.passed(claims, alternative, supply.payer)
}
